// ws with bufferutil, which masks in C.
import { createRequire } from 'node:module'
import { makeWs } from './ws-common.mjs'

const require = createRequire(import.meta.url)
delete process.env['WS_NO_BUFFER_UTIL']
// Without a binary for this platform bufferutil is plain JavaScript: then there is nothing to compare.
const native = require('bufferutil') !== require('bufferutil/fallback')
export const impl = {
  ...(await makeWs('ws+bufferutil')),
  unavailable: native ? undefined : 'bufferutil has no binary for this platform',
}
