-- The Neovim under test: the plugin, set up with g:test_options, and eyes for the tests.
local root = vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2))))
vim.opt.runtimepath:prepend(root .. '/editors/neovim')
vim.g.loaded_python3_provider = 0 -- looking for it takes seconds
vim.o.shortmess = vim.o.shortmess .. 'FI'

_G.notified = {}
vim.notify = function(message, level)
  table.insert(_G.notified, message)
  -- Like the real one, which throws where an error may not be said; without a hit-enter prompt.
  if level == vim.log.levels.ERROR then vim.api.nvim_echo({ { '!' } }, false, { err = true }) end
end

local namespace = vim.api.nvim_create_namespace('stateline')

--- The ghost as the extmarks have it: inline pieces joined, one line for each virtual line.
function _G.ghost(buf)
  local first, below = '', {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf or 0, namespace, 0, -1, { details = true })) do
    local details = mark[4]
    if details.virt_text_pos == 'inline' then first = first .. details.virt_text[1][1] end
    for _, line in ipairs(details.virt_lines or {}) do table.insert(below, line[1][1]) end
  end
  return table.concat({ first, unpack(below) }, '\n')
end

-- What the user saw: the ghost of every frame that was drawn.
_G.frames = {}
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('frames'), {
  on_end = function() table.insert(_G.frames, _G.ghost()) end,
})

if vim.g.before_setup then vim.cmd(vim.g.before_setup) end
require('stateline').setup(vim.json.decode(vim.g.test_options))

vim.g.attached, vim.g.detached = 0, 0
vim.api.nvim_create_autocmd('LspAttach', { command = 'let g:attached += 1' })
vim.api.nvim_create_autocmd('LspDetach', { command = 'let g:detached += 1' })
