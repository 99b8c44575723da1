-- The ghost: what a suggestion still adds at the cursor, and how that is drawn.
-- Knows buffers and extmarks; nothing of requests, keys and edits. Columns are bytes. There may be
-- several suggestions for a place; one of them is the ghost.
local api = vim.api
local M = {}

local namespace = api.nvim_create_namespace('stateline')
local known = {} ---@type stateline.Suggestion[] those that fit the text
local index = 1 -- of the one that is shown
local picked = false -- the user chose this one among several

---@class stateline.Suggestion a proposal, tied to the text on both sides of its range
---@field buf integer
---@field row integer row of the range, from 0
---@field head string the line up to the range
---@field text string what takes the place of the range, lines ended by \n
---@field tail string the part of the range right of the cursor (an auto-closed bracket)
---@field after string the line behind the range
---@field client_id integer
---@field id? string what the server calls it
---@field item lsp.InlineCompletionItem as the server sent it

--- Reads an item answered for the cursor at (row, col); nil if its range is not around the cursor.
function M.suggestion(item, client, buf, row, col)
  if type(item.insertText) ~= 'string' then return nil end -- a snippet; our server sends none
  local from, to = col, col
  local line = api.nvim_buf_get_lines(buf, row, row + 1, true)[1]
  if item.range then
    local first, last = item.range.start, item.range['end']
    from = vim.str_byteindex(line, client.offset_encoding, first.character, false)
    to = vim.str_byteindex(line, client.offset_encoding, last.character, false)
    if first.line ~= row or last.line ~= row or from > col or to < col then return nil end
  end
  return {
    buf = buf,
    row = row,
    head = line:sub(1, from),
    text = item.insertText:gsub('\r\n?', '\n'), -- the buffer's 'fileformat' says how lines end
    tail = line:sub(col + 1, to),
    after = line:sub(to + 1),
    client_id = client.id,
    id = vim.tbl_get(item, 'command', 'arguments', 1),
    item = item,
  }
end

--- Splits `text` at the characters of `tail`, which it passes in this order. Returns the pieces
--- as {bytes of `tail` passed before it, piece} and how many bytes of `tail` were passed in all.
local function weave(text, tail)
  local pieces, from, passed = {}, 1, 0
  for char in tail:gmatch('[^\128-\191][\128-\191]*') do
    local at = text:find(char, from, true)
    if not at then break end
    table.insert(pieces, { passed, text:sub(from, at - 1) })
    from, passed = at + #char, passed + #char
  end
  table.insert(pieces, { passed, text:sub(from) })
  return pieces, passed
end

--- How many bytes of `tail` a piece of the ghost types over when it is inserted.
function M.typed_over(piece, tail) return select(2, weave(piece, tail)) end

--- Holds a suggestion against the text as it is now. Returns what is still to be inserted at
--- (row, col) and the text right of it that this replaces; nil when the two no longer agree.
local function fit(s, row, col)
  local _, newlines = s.text:gsub('\n', '')
  if row < s.row or row > s.row + newlines or (row == s.row and col < #s.head) then return nil end
  local lines = api.nvim_buf_get_lines(s.buf, s.row, row + 1, false)
  local right = lines[#lines]:sub(col + 1)
  lines[#lines] = lines[#lines]:sub(1, col)
  local left, whole = table.concat(lines, '\n'), s.head .. s.text
  if not vim.startswith(whole, left) or not vim.endswith(right, s.after) then return nil end
  local rest, tail = whole:sub(#left + 1), right:sub(1, #right - #s.after)
  -- The tail may shrink (its bracket was typed over) or grow (a plugin closed a typed bracket).
  local known = vim.endswith(s.tail, tail) or M.typed_over(rest:match('^[^\n]*'), tail) == #tail
  if known and rest ~= '' and rest ~= tail then return rest, tail end
end

local function draw(buf, row, col, rest, tail)
  local function mark(at, text, below)
    text.virt_lines, text.hl_mode = below, 'replace' -- else a matching bracket lends its colour
    api.nvim_buf_set_extmark(buf, namespace, row, at, text)
  end
  local tab = (' '):rep(vim.bo[buf].tabstop) -- virtual text shows a tab as ^I
  local lines = vim.split(rest:gsub('\t', tab), '\n', { plain = true })
  local pieces, passed = weave(table.remove(lines, 1), tail)
  local below = vim.tbl_map(function(line) return { { line, 'StatelineGhost' } } end, lines)
  for i, piece in ipairs(pieces) do
    local text = { virt_text = { { piece[2], 'StatelineGhost' } }, virt_text_pos = 'inline' }
    mark(col + piece[1], text, i == 1 and below or nil)
  end
  if #known > 1 then
    local count = { ('(%d/%d)'):format(index, #known), 'StatelineHint' }
    mark(col, { virt_text = { count }, virt_text_pos = 'eol' })
  end
  if passed < #tail then -- it goes away or moves to a later line: cover it
    local blank = (' '):rep(vim.fn.strdisplaywidth(tail:sub(passed + 1)))
    mark(col + passed, { virt_text = { { blank } }, virt_text_pos = 'overlay' })
  end
  -- Nothing may be accepted unseen: makes room at the bottom of the window.
  local missing = math.min(#below + vim.fn.winline() - vim.fn.winheight(0), vim.fn.winline() - 1)
  if missing > 0 then vim.fn.winrestview({ topline = vim.fn.line('w0') + missing }) end
end

local function clear()
  local buf = known[1] and known[1].buf
  if buf and api.nvim_buf_is_valid(buf) then api.nvim_buf_clear_namespace(buf, namespace, 0, -1) end
end

function M.hide()
  clear()
  known, index, picked = {}, 1, false
end

--- The suggestion shown, what it still adds at the cursor, and where; nil when nothing is shown.
function M.current()
  local s = known[index]
  if not s or api.nvim_get_current_buf() ~= s.buf then return nil end
  local row, col = unpack(api.nvim_win_get_cursor(0))
  local rest, tail = fit(s, row - 1, col)
  return rest and { suggestion = s, row = row - 1, col = col, rest = rest, tail = tail }
end

--- Forgets the suggestions that do not fit any more. If the shown one goes, another may come.
local function sift()
  local kept, at, buf = {}, 0, api.nvim_get_current_buf()
  local row, col = unpack(api.nvim_win_get_cursor(0))
  for i, s in ipairs(known) do
    if s.buf == buf and fit(s, row - 1, col) then table.insert(kept, s) end
    if i == index and kept[#kept] == s then at = #kept end
  end
  known, index, picked = kept, math.max(at, 1), picked and at > 0
end

--- Draws what is left of the suggestion after the text or the cursor changed, or hides it.
function M.refresh()
  clear()
  sift()
  local now = M.current()
  if not now then return M.hide() end
  draw(now.suggestion.buf, now.row, now.col, now.rest, now.tail)
end

--- Shows the first of these, or nothing if there is none.
---@param suggestions stateline.Suggestion[]
function M.show(suggestions)
  M.hide()
  known = suggestions
  M.refresh()
end

--- The same suggestions, as they have grown meanwhile; the one shown stays the same one.
function M.grow(suggestions)
  clear()
  known, index = suggestions, math.min(index, #suggestions)
  M.refresh()
end

--- Shows the suggestion `step` further on; false if there is no other.
function M.cycle(step)
  if #known < 2 or not M.current() then return false end
  index, picked = (index - 1 + step) % #known + 1, true
  M.refresh()
  return true
end

--- Whether the user chose what is shown among several.
function M.picked() return picked end

--- Whether the ghost says all that `suggestion` says, and maybe more.
function M.covers(suggestion)
  local now = M.current()
  local rest = now and suggestion and fit(suggestion, now.row, now.col)
  return rest and vim.startswith(now.rest, rest) or false
end

return M
