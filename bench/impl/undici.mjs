import { Agent, WebSocket } from 'undici'
import { makeW3c } from './w3c.mjs'
import { ca } from './ws-common.mjs'

const dispatcher = new Agent({ connect: ca ? { ca } : {} })
/** @type {(url: string) => any} Its types are not those of the global WebSocket. */
const create = (url) => new WebSocket(url, { dispatcher })
export const impl = makeW3c('undici', create)
