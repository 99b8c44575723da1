-- Keys: mappings of a buffer that do what they did before where there is nothing for us to do.
local api = vim.api
local M = {}

local covered = {} -- [buf][key] = the buffer's own mapping that ours hides, or false

local function find(mappings, key)
  local raw = vim.keycode(key)
  return vim.iter(mappings):find(function(m) return m.lhsraw == raw or m.lhsrawalt == raw end)
end

local function copy(buf, mapping, lhs)
  local opts = { callback = mapping.callback, desc = mapping.desc }
  for _, flag in ipairs({ 'expr', 'noremap', 'nowait', 'replace_keycodes', 'script', 'silent' }) do
    opts[flag] = mapping[flag] == 1
  end
  api.nvim_buf_set_keymap(buf, 'i', lhs, mapping.rhs or '', opts)
end

local function alias(key) return ('<Plug>(stateline-%s)'):format((key:gsub('[<>]', ''))) end

--- What the key means without us: the mapping that ours hides, else the global one of this moment
--- (plugins may load late), else the plain key.
local function fallback(buf, key)
  local mapping = covered[buf][key] or find(api.nvim_get_keymap('i'), key)
  if not mapping then return key end
  copy(buf, mapping, alias(key))
  return alias(key)
end

--- Maps `keys` (one, a list, or false) in insert mode of `buf`. `action` returns the keys to be
--- typed instead, or nothing to fall back.
function M.map(buf, keys, action, desc)
  covered[buf] = covered[buf] or {}
  for _, key in ipairs(type(keys) == 'table' and keys or { keys or nil }) do
    covered[buf][key] = find(api.nvim_buf_get_keymap(buf, 'i'), key) or false
    local function press() return action() or fallback(buf, key) end
    vim.keymap.set('i', key, press, { buffer = buf, expr = true, remap = true, desc = desc })
  end
end

--- Takes our mappings of `buf` away and puts back what they hid.
function M.unmap(buf)
  for key, mapping in pairs(covered[buf] or {}) do
    pcall(vim.keymap.del, 'i', key, { buffer = buf })
    pcall(vim.keymap.del, 'i', alias(key), { buffer = buf })
    if mapping then copy(buf, mapping, key) end
  end
  covered[buf] = nil
end

return M
