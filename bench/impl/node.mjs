// Node's own WebSocket (an undici of its own). The certificate comes through NODE_EXTRA_CA_CERTS.
import { makeW3c } from './w3c.mjs'

export const impl = makeW3c(
  'node',
  (url) => new globalThis.WebSocket(url),
  globalThis.WebSocket ? undefined : 'this Node has no WebSocket of its own',
)
