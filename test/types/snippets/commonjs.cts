// A CommonJS program: `require` of an ES module, which Node has had since 20.19.
import { connect, type WsConnection } from 'shared-ws'

import sharedWs = require('shared-ws')

export const one: WsConnection = connect('wss://example.com')
export const two: WsConnection = sharedWs.connect('wss://example.com')
