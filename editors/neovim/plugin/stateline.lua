-- What exists before `setup`: the colour and the command. It starts nothing.
vim.api.nvim_set_hl(0, 'StatelineGhost', { link = 'Comment', default = true })

local verbs = { 'enable', 'disable', 'restart', 'status' }
vim.api.nvim_create_user_command('Stateline', function(command)
  local verb = command.args
  if vim.list_contains(verbs, verb) then return require('stateline').command(verb) end
  vim.notify('Stateline: say ' .. table.concat(verbs, ', ') .. '.', vim.log.levels.ERROR)
end, {
  nargs = 1,
  desc = 'Stateline: turn completion on or off, restart its server, say what it does here',
  complete = function(lead)
    return vim.tbl_filter(function(verb) return vim.startswith(verb, lead) end, verbs)
  end,
})
