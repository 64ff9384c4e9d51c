import { DueHeap } from '../requests/due-heap.ts'
import type { WsSessionSend } from '../session/endpoint-handler.ts'
import type { WsPayload } from '../transport/transport.ts'
import type { Interpreter } from './interpreter.ts'
import type { TimedSendOptions } from './send-options.ts'
import type { WsStatusEvent } from './status.ts'
import { TimedSend } from './timed-send.ts'

type GivenUp = Pick<
  Extract<WsStatusEvent, { kind: 'sends-given-up' }>,
  'kind' | 'reason' | 'delivery' | 'messages' | 'bytes'
>

/** Where a message may go at the moment. */
export interface WayOut {
  /** The connection takes sends of users. */
  readonly isOpen: boolean
  /** There may be another connection, and what is sent now may wait for it. */
  readonly mayWait: boolean
}

/**
 * Sends with a time-to-live, from the call until their frames have left, or never will. They are in one of three places: here,
 * while no connection is ready to take them; in a lane; in the link, which may not have begun with them. A frame that has begun
 * is never sent again: what the link says of it when the connection ends decides.
 *
 * No timer: {@link nextDueUs} says when {@link progress} must be called.
 */
export class TimedSends {
  readonly #actor: Interpreter
  /** In call order. */
  readonly #all = new Set<TimedSend>()
  /** But for those that have begun: their time is of no matter any more. */
  readonly #due = new DueHeap<TimedSend>()
  /** In the order in which the link took them. */
  readonly #inLink = new Set<TimedSend>()
  /** And not told yet. */
  #givenUp: GivenUp[] = []
  /** Of those that may have to be sent on another connection. */
  #bytes = 0
  #waiting = 0
  #waitingBytes = 0

  constructor(actor: Interpreter) {
    this.#actor = actor
  }

  /** Messages that wait for a connection to be ready, and their payload bytes. */
  get waiting(): number {
    return this.#waiting
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Infinity: nothing has a time that can run out. Monotonic µs. */
  nextDueUs(): number {
    if (this.#givenUp.length > 0) return -Infinity
    return this.#due.peek()?.dueUs ?? Infinity
  }

  /** `way` is asked again when a writer has run. Throws what that throws, and `ERR_PAYLOAD_…`; then nothing was kept. */
  send(payload: WsPayload, options: TimedSendOptions, way: () => WayOut, more = false): WsSessionSend {
    const { options: resolved, isInside, watch } = this.#actor
    const { clock, lanes } = resolved
    const isAccepted = ({ isOpen, mayWait }: WayOut): boolean => isOpen || (options.acrossReconnect === true && mayWait)
    if (!isAccepted(way())) return 'not-open'
    const send = new TimedSend(payload, options, clock, this.#offered)
    const { isOpen, mayWait } = way()
    if (!isAccepted({ isOpen, mayWait })) return 'not-open'
    this.#sweep()
    if (send.acrossReconnect && this.#bytes + send.cost > lanes.keptBytes) return 'full'
    const sent = isOpen ? this.#toLanes(send, isInside, more) : 'not-open'
    // `not-open`: the peer has said CLOSE, and the end of the connection is yet to be heard of.
    if (sent === 'full' || (sent === 'not-open' && !isAccepted({ isOpen: false, mayWait }))) return sent
    this.#add(send)
    // Nearly always the kernel has it by now.
    if (sent === 'taken') this.#sweep()
    if (sent === 'not-open') this.#keep(send)
    if (!isInside) watch.arm()
    return sent === 'taken' ? 'taken' : 'queued'
  }

  /** As {@link send} of each, as one burst. How many were accepted: it stops at the first that is not. */
  sendAll(payloads: readonly WsPayload[], options: TimedSendOptions, way: () => WayOut): number {
    let accepted = 0
    try {
      for (const payload of payloads) {
        const sent = this.send(payload, options, way, accepted < payloads.length - 1)
        if (sent === 'full' || sent === 'not-open') break
        accepted++
      }
    } finally {
      this.#actor.asks.lanes.flush()
      this.#sweep()
      if (!this.#actor.isInside) this.#actor.watch.arm()
    }
    return accepted
  }

  /** The connection takes sends now: what has waited for that goes into its lanes, in call order. */
  release(): void {
    if (this.#waiting === 0) return
    for (const send of this.#all) {
      if (send.place !== 'kept') continue
      send.place = 'lane'
      this.#actor.asks.lanes.admit(send)
    }
    this.#waiting = 0
    this.#waitingBytes = 0
  }

  /** Looks at what has left since, takes back what has not in its time, and has that told. */
  progress(): void {
    if (this.#all.size > 0) {
      this.#sweep()
      this.expire()
    }
    if (this.#givenUp.length > 0) this.#actor.enter(() => this.tell())
  }

  /** Takes back what no byte has left of and whose time is over. */
  readonly expire = (): void => {
    const nowUs = this.#actor.options.clock.monoUs()
    if (nowUs < (this.#due.peek()?.dueUs ?? Infinity)) return
    this.#actor.asks.lanes.withdrawOverdue(nowUs)
    for (let send = this.#due.peek(); send !== undefined && send.dueUs <= nowUs; send = this.#due.peek()) {
      if (send.place === 'link' && this.#actor.live?.link?.withdraw(send.sequence) !== true) this.#begun(send)
      else this.#giveUp(send, 'expired-unsent', 'none')
    }
    this.#watchLink()
  }

  /**
   * The link has ended, and the lanes still hold what was never offered to it. What has not begun waits for the next
   * connection, if it may; there is none where `reason` is `stopped`.
   */
  disconnected(reason: 'disconnected' | 'stopped'): void {
    const link = this.#actor.live?.link
    const nowUs = this.#actor.options.clock.monoUs()
    for (const send of this.#all) {
      const { place } = send
      if (place === 'kept') continue
      const delivery = place === 'lane' ? 'none' : (link?.delivery(send.sequence) ?? 'unknown')
      if (delivery === 'all') this.#forget(send)
      else if (delivery !== 'none') this.#giveUp(send, reason, delivery)
      else if (!send.isWanted(nowUs)) this.#giveUp(send, 'expired-unsent', 'none')
      else if (send.acrossReconnect && reason !== 'stopped') this.#keep(send)
      else this.#giveUp(send, reason, 'none')
    }
    this.#inLink.clear()
    this.#watchLink()
  }

  /** No connection will come any more. What the open one has may yet go out. */
  stopped(): void {
    for (const send of this.#all) if (send.place === 'kept') this.#giveUp(send, 'stopped', 'none')
  }

  /** Of what has been given up. From inside {@link Interpreter.enter}. */
  tell(): void {
    const news = this.#givenUp
    this.#givenUp = []
    for (const givenUp of news) {
      this.#actor.health.count.sendsGivenUp += givenUp.messages
      this.#actor.status(givenUp)
    }
  }

  #toLanes(send: TimedSend, hold: boolean, more: boolean): WsSessionSend {
    send.place = 'lane'
    const { payload, binary, urgent } = send
    return this.#actor.asks.lanes.send({ payload, binary, urgent, more, timed: send }, hold)
  }

  #add(send: TimedSend): void {
    this.#all.add(send)
    this.#due.push(send)
    if (send.acrossReconnect) this.#bytes += send.cost
  }

  #keep(send: TimedSend): void {
    send.place = 'kept'
    this.#waiting++
    this.#waitingBytes += send.bytes
  }

  readonly #offered = (send: TimedSend): void => {
    send.place = 'link'
    if (!send.acrossReconnect) send.payload = ''
    this.#inLink.add(send)
    this.#watchLink()
  }

  /** As long as the link has something that has not begun, it must not send it too late. */
  #watchLink(): void {
    this.#actor.asks.lanes.beforeOffer = this.#inLink.size > 0 ? this.expire : undefined
  }

  /** Frames leave the link in the order in which it took them. */
  #sweep(): void {
    if (this.#inLink.size === 0) return
    const link = this.#actor.live?.link
    for (const send of this.#inLink) {
      const delivery = link?.delivery(send.sequence) ?? 'unknown'
      if (delivery === 'none') break
      if (delivery === 'all') this.#forget(send)
      else this.#begun(send)
    }
    this.#watchLink()
  }

  /** It is never sent again, so that its payload is not needed any more. */
  #begun(send: TimedSend): void {
    if (send.place === 'begun') return
    send.place = 'begun'
    send.payload = ''
    this.#due.remove(send)
    if (send.acrossReconnect) this.#bytes -= send.cost
  }

  #forget(send: TimedSend): void {
    if (send.place === 'kept') {
      this.#waiting--
      this.#waitingBytes -= send.bytes
    }
    this.#begun(send)
    this.#inLink.delete(send)
    this.#all.delete(send)
  }

  #giveUp(send: TimedSend, reason: GivenUp['reason'], delivery: GivenUp['delivery']): void {
    this.#forget(send)
    const at = this.#givenUp.findIndex((news) => news.reason === reason && news.delivery === delivery)
    const { messages, bytes } = this.#givenUp[at] ?? { messages: 0, bytes: 0 }
    const news: GivenUp = {
      kind: 'sends-given-up',
      reason,
      delivery,
      messages: messages + 1,
      bytes: bytes + send.bytes,
    }
    if (at < 0) this.#givenUp.push(news)
    else this.#givenUp[at] = news
  }
}
