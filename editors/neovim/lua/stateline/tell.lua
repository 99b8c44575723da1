-- Telling: what the server learns of its suggestions, once for each that was drawn and whenever a
-- part was accepted. It counts this for `stateline stats`; nothing here changes what is shown.
local M = {}

local drawn = {} -- [id] = true: told of, among the suggestions known now

--- These are known now; what was told of others is forgotten.
function M.known(suggestions)
  local kept = {}
  for _, s in ipairs(suggestions) do
    if s.id then kept[s.id] = drawn[s.id] end
  end
  drawn = kept
end

local function notify(s, method, params)
  local client = vim.lsp.get_client_by_id(s.client_id)
  if client then client:notify(method, params) end
end

---@param s stateline.Suggestion the one that is on the screen
function M.drew(s)
  if not s.id or drawn[s.id] then return end
  drawn[s.id] = true
  notify(s, 'textDocument/didShowCompletion', { item = s.item })
end

--- How many UTF-16 code units of the item's own text come before its last `rest_bytes`. The
--- suggestion's lines end in \n, those of the item as in the document.
local function accepted_length(s, rest_bytes)
  local text = s.text:sub(1, #s.text - rest_bytes)
  local _, breaks = text:gsub('\n', '')
  local returns = s.item.insertText:find('\r\n', 1, true) and breaks or 0
  return vim.str_utfindex(text, 'utf-16') + returns
end

--- All but the last `rest_bytes` of the suggestion is in the document now, at the user's wish.
function M.took_part(s, rest_bytes)
  if not s.id then return end
  local params = { item = s.item, acceptedLength = accepted_length(s, rest_bytes) }
  notify(s, 'textDocument/didPartiallyAcceptCompletion', params)
end

--- All of the suggestion is in the document now.
function M.took_all(s)
  local client = vim.lsp.get_client_by_id(s.client_id)
  if client and s.item.command then client:exec_cmd(s.item.command, { bufnr = s.buf }) end
end

return M
