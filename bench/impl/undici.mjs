import { Agent, WebSocket } from 'undici'
import { makeW3c } from './w3c.mjs'
import { ca } from './ws-common.mjs'

const dispatcher = new Agent({ connect: ca ? { ca } : {} })
export const impl = makeW3c('undici', (url) => new WebSocket(url, { dispatcher }))
