-- wrk's side of the service benchmark: asks for the keys of a file, one after the other, and at the end prints one line of JSON.
-- wrk … URL -- KEYS PATH-BEFORE-THE-KEY [TOKEN]

local requests, asked = {}, 0

function init(arguments)
  local headers = {}
  if arguments[3] then headers["Authorization"] = "Bearer " .. arguments[3] end
  for key in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", arguments[2] .. key, headers)
  end
end

function request()
  asked = asked % #requests + 1
  return requests[asked]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "failed": %d, "p50_seconds": %.6f, "p99_seconds": %.6f, "max_seconds": %.6f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, latency.max / 1e6))
end
