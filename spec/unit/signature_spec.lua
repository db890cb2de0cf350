local place = require "spec.support.place"
local signature = require("native").signature

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for k = 0, 3 do
      local digit = (n >> (18 - 6 * k)) & 63
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "=" or ALPHABET:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

local function unhex(hex)
  return (hex:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

-- RFC 8032, 7.1, test 2: the message is one byte, 0x72.
local KEY = unhex "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
local SIGNATURE = unhex(
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    .. "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

describe("a signature", function()
  it("of the standard's test fits its text and key, and no others", function()
    local key, signed = base64(KEY), base64(SIGNATURE)
    assert.is_true(signature.fits(key, "r", signed))
    assert.is_false(signature.fits(key, "s", signed))
    assert.is_false(signature.fits(key, "", signed))
    assert.is_false(signature.fits(base64(KEY:reverse()), "r", signed))
    assert.is_false(signature.fits(key, "r", base64(SIGNATURE:reverse())))
  end)

  it("differs where it is none", function()
    local key = base64(KEY)
    for _, word in ipairs { "", "=", "====", "r", "AAAA", "not base64 at all!!!", ("A"):rep(4000) } do
      assert.is_false(signature.fits(key, "r", word), word)
      assert.is_false(signature.fits(word, "r", base64(SIGNATURE)), word)
    end
  end)

  it("is made with a key that is made here", function()
    local folder = place.folder()
    local mine, yours = folder .. "/mine.pem", folder .. "/yours.pem"
    local public = assert(signature.new_key(mine))
    assert(signature.new_key(yours))
    assert.equal(44, #public)
    assert.equal(public, signature.public_key(mine))
    local signed = assert(signature.make(mine, "a text\nof lines"))
    assert.is_true(signature.fits(public, "a text\nof lines", signed))
    assert.is_false(signature.fits(public, "a text\nof line", signed))
    assert.is_false(signature.fits(signature.public_key(yours), "a text\nof lines", signed))
    assert.matches("BEGIN PRIVATE KEY", place.read(mine), 1, true)
    assert.equal("600", place.output("stat -c %a " .. place.quoted(mine)))
  end)

  it("overwrites no key, and reads none that is not there or no key", function()
    local folder = place.folder()
    local path = folder .. "/key.pem"
    place.write(path, "hello\n")
    local key, message = signature.new_key(path)
    assert.is_nil(key)
    assert.matches("cannot write a new key to " .. path, message, 1, true)
    assert.equal("hello\n", place.read(path))
    key, message = signature.make(path, "text")
    assert.is_nil(key)
    assert.matches("holds no private Ed25519 key", message, 1, true)
    key, message = signature.public_key(folder .. "/none.pem")
    assert.is_nil(key)
    assert.matches("cannot read the key", message, 1, true)
  end)

  it("takes a public key short, and as openssl writes it", function()
    local short = base64(KEY)
    assert.equal(short, signature.read_key(short))
    assert.equal(short, signature.read_key(base64(unhex "302a300506032b6570032100" .. KEY)))
    assert.is_nil(signature.read_key(base64(unhex "302a300506032b656e032100" .. KEY))) -- X25519
    assert.is_nil(signature.read_key "ssh-ed25519")
    assert.is_nil(signature.read_key "")
  end)
end)
