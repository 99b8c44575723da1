-- `:checkhealth stateline`: whether there is all it needs, and what may be in its way.
-- Looks only; each trouble comes with what to do about it.
local api = vim.api
local health = vim.health
local server = require('stateline.server')
local settings = require('stateline.settings')
local M = {}

local DOCTOR_MS = 60000
local RIVALS = { -- plugins that draw ghost text too: their modules, or their g: variables
  ['copilot.lua'] = 'copilot',
  ['copilot.vim'] = 'loaded_copilot',
  ['supermaven-nvim'] = 'supermaven-nvim',
  ['codeium.nvim'] = 'codeium',
  ['codeium.vim'] = 'loaded_codeium',
  ['minuet-ai.nvim'] = 'minuet',
}

local function check_editor()
  health.start('Neovim')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok('Neovim ' .. version)
  else
    health.error('Neovim ' .. version .. ' is too old', 'Install Neovim 0.11 or later.')
  end
end

--- What the program says of itself, its packages and its model.
local function check_program()
  health.start('Server')
  if settings.missing() then return health.error(settings.missing()) end
  local argv = settings.program('doctor')
  if not argv then return health.info('`cmd` does not run `stateline lsp`, so it is not tried.') end
  local done = vim.system(argv, { text = true, timeout = DOCTOR_MS }):wait()
  local tried = ('`%s`'):format(table.concat(argv, ' '))
  if done.code == 0 then
    health.ok(tried .. ' finds all in order')
  else
    health.error(('%s ends with %d'):format(tried, done.code), 'Run it in a terminal.')
  end
  for line in vim.gsplit(done.stdout .. done.stderr, '\n', { trimempty = true }) do
    health.info(vim.trim(line))
  end
end

local function check_client()
  health.start('In this editor')
  local clients = server.running()
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    health.ok(('The server runs for %d buffers in %s'):format(buffers, client.root_dir or 'no folder'))
  end
  if not vim.lsp.is_enabled('stateline') then
    health.warn('Stateline is off', 'Call require("stateline").setup{} or `:Stateline enable`.')
  elseif #clients == 0 then
    local filetypes = table.concat(settings.chosen.filetypes, ', ')
    health.warn('No server runs', ('Open a file of a type in `filetypes`: %s.'):format(filetypes))
  end
  local said = server.status()
  health.info('It says: ' .. (said ~= '' and said or 'nothing yet'))
  health.info('Log: ' .. settings.log_path())
end

--- Another client of the same server, as for Neovim's own inline completion, doubles everything.
local function check_doubles()
  local function another(client)
    local cmd = client.config.cmd
    local named = type(cmd) == 'table' and table.concat(cmd, ' ') or ''
    return client.name ~= 'stateline' and named:find('stateline', 1, true)
  end
  for _, client in ipairs(vim.tbl_filter(another, vim.lsp.get_clients())) do
    local advice = 'Keep one: this plugin, or `vim.lsp.inline_completion` without it.'
    health.warn(('The client `%s` runs Stateline too'):format(client.name), advice)
  end
end

local function check_rivals()
  for name, mark in vim.spairs(RIVALS) do
    if package.loaded[mark] or vim.g[mark] then
      health.warn(name .. ' is loaded', 'It draws ghost text too; switch one of them off.')
    end
  end
end

--- The keys to accept, in the buffers where they ought to be ours.
local function check_keys()
  for _, client in ipairs(server.running()) do
    for buf in pairs(client.attached_buffers) do
      for _, key in ipairs(vim._ensure_list(settings.chosen.keymap.accept or {})) do
        local mapping = api.nvim_buf_call(buf, function() return vim.fn.maparg(key, 'i', 0, 1) end)
        if not vim.startswith(mapping.desc or '', 'Stateline') then
          local where = vim.fn.fnamemodify(api.nvim_buf_get_name(buf), ':t')
          local advice = 'Give `keymap.accept` another key, or map that key earlier.'
          health.warn(('Something else has mapped %s in %s'):format(key, where), advice)
        end
      end
    end
  end
end

function M.check()
  check_editor()
  check_program()
  check_client()
  health.start('What may be in its way')
  check_doubles()
  check_rivals()
  check_keys()
  health.ok('Looked for other clients, other plugins and other mappings')
end

return M
