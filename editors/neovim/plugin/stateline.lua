-- What exists before `setup`: the colours and the command. It starts nothing.
vim.api.nvim_set_hl(0, 'StatelineGhost', { link = 'Comment', default = true })
vim.api.nvim_set_hl(0, 'StatelineHint', { link = 'NonText', default = true })

vim.api.nvim_create_user_command('Stateline', function(command)
  require('stateline.commands').run(table.concat(command.fargs, ' '))
end, {
  nargs = '+',
  bar = true,
  desc = 'Stateline: turn completion on or off, restart its server, say what it does here',
  complete = function(lead, line) return require('stateline.commands').complete(lead, line) end,
})
