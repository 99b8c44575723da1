-- Accepting: which part of the ghost, and the edit that makes it text.
-- The edit replaces exactly the range of the server's item, at once or piece by piece.
local api = vim.api
local ghost = require('stateline.ghost')
local tell = require('stateline.tell')
local M = {}

--- The leading part of `rest` that one key press takes; never empty.
local function part(what, rest)
  if what == 'line' then return rest:match('^\n*[^\n]*') end
  if what == 'all' then return rest end
  -- A word: bytes above 127 count as letters, so no character is torn.
  return rest:match('^%s*[%w_\128-\255]+') or rest:match('^%s*[^%w%s_\128-\255]+') or rest
end

--- Puts 'all', a 'word' or a 'line' of the ghost into the buffer, the cursor behind it.
function M.take(what)
  local now = ghost.current()
  if not now then return end
  local piece = part(what, now.rest)
  local complete = piece == now.rest
  local replaced = complete and #now.tail or ghost.typed_over(piece, now.tail)
  local lines = vim.split(piece, '\n', { plain = true })
  api.nvim_buf_set_text(0, now.row, now.col, now.row, now.col + replaced, lines)
  local col = #lines[#lines] + (#lines == 1 and now.col or 0)
  api.nvim_win_set_cursor(0, { now.row + #lines, col })
  ghost.refresh()
  if complete then return tell.took_all(now.suggestion) end
  tell.took_part(now.suggestion, #now.rest - #piece)
end

--- The keys that accept, for an `expr` mapping; nil when there is no ghost.
--- CTRL-G u on both sides makes an acceptance one step of undo, apart from typing.
function M.keys(what)
  local keys = "<C-g>u<Cmd>lua require('stateline.accept').take('%s')<CR><C-g>u"
  return ghost.current() and keys:format(what)
end

return M
