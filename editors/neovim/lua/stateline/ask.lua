-- Asking: when the server is asked, and which of its answers may be shown.
-- No timer and no cache: the server supersedes older requests, and we cancel ours.
local api = vim.api
local ghost = require('stateline.ghost')
local M = { auto_trigger = true }

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2 -- InlineCompletionTriggerKind of LSP 3.18
local pending = nil -- the request on its way: client, id, place
local asked_at, dismissed_at = nil, nil

--- A place: everything that an answer must find unchanged.
local function here()
  local buf, cursor = api.nvim_get_current_buf(), api.nvim_win_get_cursor(0)
  local tick = api.nvim_buf_get_changedtick(buf)
  return { buf = buf, tick = tick, row = cursor[1] - 1, col = cursor[2] }
end

local function wanted()
  return api.nvim_get_mode().mode == 'i'
    and vim.fn.pumvisible() == 0
    and vim.b.stateline_enabled ~= false
    and vim.lsp.is_enabled('stateline')
end

local function cancel()
  if pending then pending.client:cancel_request(pending.id) end
  pending = nil
end

local function answer(request, err, result)
  if pending ~= request then return end -- superseded
  pending = nil
  if err then
    return vim.notify_once('Stateline: the server answered: ' .. err.message, vim.log.levels.ERROR)
  end
  local place = request.place
  -- Null is "no news": what is shown and still fits may stay.
  if result == nil or not wanted() or not vim.deep_equal(place, here()) then return end
  local item = result.items[1]
  ghost.show(item and ghost.suggestion(item, request.client, place.buf, place.row, place.col))
end

local function ask(kind)
  local place = here()
  local client = vim.lsp.get_clients({ name = 'stateline', bufnr = place.buf })[1]
  if not client then return end
  cancel()
  asked_at = place
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local request = { client = client, place = place }
  pending = request
  _, request.id = client:request(METHOD, params, function(err, result)
    answer(request, err, result)
  end, place.buf)
end

--- The trigger key: asks even where nothing is asked by itself.
function M.invoke()
  if wanted() then ask(INVOKED) end
end

--- Hides the ghost until the text changes.
function M.dismiss()
  dismissed_at = here()
  cancel()
  ghost.hide()
end

--- Hides the ghost and forgets the request: the user is elsewhere.
function M.leave()
  asked_at = nil
  cancel()
  ghost.hide()
end

--- The text, the cursor or the mode may have changed. One key raises several events: asks once.
function M.update()
  if not wanted() then return M.leave() end
  ghost.refresh()
  local place, since = here(), dismissed_at
  if vim.deep_equal(place, asked_at) then return end
  local dismissed = since and place.buf == since.buf and place.tick == since.tick
  if M.auto_trigger and not dismissed then ask(AUTOMATIC) else cancel() end
end

return M
