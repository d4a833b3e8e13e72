local all, sender = {}, nil
at = 0

setup = function(thread) sender = thread end

init = function()
  for line in io.lines(lines) do
    local i = 0
    for value in line:gmatch("[^\t]+") do
      i = i + 1
      wrk.headers[names[i]] = value
    end
    all[#all + 1] = wrk.format()
  end
  local file = io.open(position)
  if file then
    at = file:read("*n") or 0
    file:close()
  end
end

request = function()
  at = at % #all + 1
  return all[at]
end

ended = function()
  local file = assert(io.open(position, "w"))
  file:write(sender:get("at"))
  file:close()
end
