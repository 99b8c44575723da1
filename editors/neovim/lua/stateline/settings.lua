-- Settings: what the user chose, and what follows from it. Starts nothing.
local M = {}

M.chosen = {
  cmd = { 'stateline', 'lsp' },
  -- What Stateline knows by name; which of these its model knows, the server says.
  filetypes = { 'python', 'typescript', 'typescriptreact', 'javascript', 'javascriptreact' },
  settings = {}, -- initializationOptions of the server
  auto_trigger = true, -- false: only the trigger key asks
  keymap = { -- each a key, a list of keys, or false
    accept = '<Tab>',
    accept_word = { '<M-Right>', '<M-w>' },
    accept_line = { '<M-C-Right>', '<M-l>' },
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    trigger = '<M-\\>',
  },
}

--- The languages to complete in if the user has named any; else that is left to the server.
M.languages = nil

--- A sentence on the first name in `opts` that is no setting, or nil.
local function unknown(opts, known, prefix)
  for name in vim.spairs(opts) do
    if known[name] == nil then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(known)), ', ')
      return ('Stateline: there is no setting `%s%s`; there are %s.'):format(prefix, name, names)
    end
  end
end

--- Takes over what the user gave to `setup`. Returns a sentence if something in it is not known.
function M.choose(opts)
  local wrong = unknown(opts, M.chosen, '') or unknown(opts.keymap or {}, M.chosen.keymap, 'keymap.')
  M.chosen = vim.tbl_deep_extend('force', M.chosen, opts)
  M.languages = opts.filetypes or M.languages
  return wrong
end

--- The command line that does something else with the server's program, or nil.
function M.program(...)
  local cmd = M.chosen.cmd
  if type(cmd) ~= 'table' then return nil end
  local argv = {}
  for _, word in ipairs(cmd) do
    if word == 'lsp' then return vim.list_extend(argv, { ... }) end
    table.insert(argv, word)
  end
end

--- The file that the server was told to log to, else Neovim's own for language servers.
function M.log_path()
  local cmd = type(M.chosen.cmd) == 'table' and M.chosen.cmd or {}
  for i, word in ipairs(cmd) do
    local file = word == '--log' and cmd[i + 1] or word:match('^%-%-log=(.+)')
    if file then return vim.fn.fnamemodify(file, ':p') end
  end
  return vim.lsp.log.get_filename()
end

--- A sentence if the server's program cannot be found, else nil.
function M.missing()
  local cmd = M.chosen.cmd
  if type(cmd) ~= 'table' or vim.fn.executable(cmd[1]) == 1 then return nil end
  local hint = 'install it with `pip install stateline` or set `cmd` in require("stateline").setup'
  return ('Stateline: the command `%s` was not found; %s.'):format(cmd[1], hint)
end

return M
