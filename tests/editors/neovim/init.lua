-- Neovim as a user would have it, with the plugin of this repository and the real server.
local root = vim.fs.root(debug.getinfo(1, 'S').source:sub(2), 'pyproject.toml')
vim.opt.runtimepath:prepend(root .. '/editors/neovim')
vim.g.loaded_python3_provider = 0 -- looking for it takes seconds
vim.o.shortmess = vim.o.shortmess .. 'I'
vim.o.termguicolors = true
vim.api.nvim_set_hl(0, 'StatelineGhost', { fg = '#7688aa', italic = true })
vim.o.statusline = "%t %m%=%{v:lua.require'stateline'.statusline()}"
require('stateline').setup({ cmd = vim.json.decode(vim.env.STATELINE_TEST_COMMAND) })
