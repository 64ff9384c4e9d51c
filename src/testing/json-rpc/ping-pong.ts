import { WsApplicationPingPong } from '../../health/application-ping-pong.ts'
import type { WsHeartbeat, WsPingPongLink } from '../../health/ping-pong.ts'
import type { WsFrame } from '../../transport/frame.ts'
import { jsonRpc } from './frames.ts'

const PING_ID = 'ping-of-ours'
const ANSWER_ID = 'answer-to-test-request'
/** No heartbeat, and no answer to `public/test`, is longer. */
const MAX_HEARTBEAT_BYTES = 400

const test = jsonRpc('public/test')

export interface JsonRpcPingPongOptions {
  /** From one `public/test` of ours to the next, ms. Default 15 000. */
  readonly intervalMs?: number
  /** How long its answer may take, ms. Default 10 000. */
  readonly timeoutMs?: number
}

/**
 * Deribit's heartbeat, seen from the client: it answers `test_request`, sends `public/test` of its own (for the round
 * trip, and to find out when the connection is dead), and keeps heartbeats and their answers out of the data, so that
 * they cannot hide that no data comes.
 */
export class JsonRpcPingPong extends WsApplicationPingPong {
  constructor(options: JsonRpcPingPongOptions = {}) {
    // Each has an id of its own: an answer that comes twice, or late, answers no other ping.
    let pings = 0
    super({
      ...options,
      ping: () => test(`${PING_ID}-${++pings}`),
      isPong: (frame) => frame.text().includes(`"id":"${PING_ID}-${pings}"`),
      answerPing: (frame) => (beatOf(frame) === 'test_request' ? test(ANSWER_ID) : undefined),
    })
  }

  override onFrame(frame: WsFrame, link: WsPingPongLink): WsHeartbeat | undefined {
    if (!isShortText(frame)) return undefined
    if (beatOf(frame) === 'heartbeat' || frame.text().includes(`"id":"${ANSWER_ID}"`)) return { kind: 'heartbeat' }
    const heartbeat = super.onFrame(frame, link)
    return heartbeat ?? (frame.text().includes(`"id":"${PING_ID}-`) ? { kind: 'heartbeat' } : undefined)
  }
}

function isShortText(frame: WsFrame): boolean {
  return frame.isText && frame.byteLength <= MAX_HEARTBEAT_BYTES
}

function beatOf(frame: WsFrame): 'heartbeat' | 'test_request' | undefined {
  const text = frame.text()
  if (!/"method"\s*:\s*"heartbeat"/.test(text)) return undefined
  return text.includes('"test_request"') ? 'test_request' : 'heartbeat'
}
