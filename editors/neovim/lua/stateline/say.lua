-- Saying: one sentence to the user, never at the price of a key.
-- A message that does not fit on its line makes Neovim wait for a key and swallow it, so while the
-- user types it is cut.
local M = {}

local ROOM = 12 -- what Neovim keeps of the line for itself, where `v:echospace` does not tell

local function short(text)
  local room = math.min(vim.v.echospace, vim.o.columns - ROOM)
  if vim.fn.strdisplaywidth(text) <= room then return text end
  return vim.fn.strcharpart(text, 0, room - 1) .. '…'
end

---@param level integer one of vim.log.levels
function M.say(text, level)
  local typing = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  vim.notify(typing and short(text) or text, level)
end

local said = {}

--- Says the same sentence only once.
function M.once(text, level)
  if said[text] then return end
  said[text] = true
  M.say(text, level)
end

return M
