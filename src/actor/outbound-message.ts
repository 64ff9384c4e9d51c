import type { PendingRequest } from '../requests/pending-request.ts'
import { payloadBytes } from '../transport/payload.ts'
import type { WsPayload } from '../transport/transport.ts'
import type { TimedSend } from './timed-send.ts'

export interface OutboundMessage {
  readonly payload: WsPayload
  readonly binary?: boolean | undefined
  readonly urgent?: boolean | undefined
  /** Whose frame it is; told of its sequence number when the link takes it. */
  readonly request?: PendingRequest | undefined
  /** More follows at once: let the link hold the bytes back. */
  readonly more?: boolean | undefined
  /** The library's own traffic: where frames are counted, it waits for the user's unless it is urgent, and is never refused. */
  readonly own?: boolean | undefined
  /** Of the handler's: where the budget is spent it is kept, whatever becomes of what others send. */
  readonly mustWait?: boolean | undefined
  /** The link has taken it; monotonic µs. */
  readonly onTaken?: ((atUs: number) => void) | undefined
  /** It has a time-to-live, and this is where its payload is; told of its sequence number when the link takes it. */
  readonly timed?: TimedSend | undefined
}

/** What all messages of a burst have in common. */
export type BurstOptions = Pick<OutboundMessage, 'binary' | 'urgent'>

/** With the bytes that its writer writes, which are text unless the call says otherwise. */
export function written(message: OutboundMessage): OutboundMessage {
  return { ...message, payload: payloadBytes(message.payload), binary: message.binary ?? false }
}
