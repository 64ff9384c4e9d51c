import type { WsDisconnectCause } from '../../errors/disconnect-cause.ts'
import type { WsBatch, WsLinkEvents, WsOpenInfo } from '../../transport/transport.ts'

export interface LoggedMessage {
  readonly kind: 'message'
  readonly isText: boolean
  readonly ascii: boolean
  /** A copy. */
  readonly bytes: Uint8Array
  readonly text: string
  readonly receivedAtUs: number
  readonly receivedMonoUs: number
  readonly receivedAtIsUpperBound: boolean
}

export type LoggedEvent =
  | { readonly kind: 'open' }
  | LoggedMessage
  | { readonly kind: 'ping' | 'pong'; readonly payload: Uint8Array; readonly receivedMonoUs: number }
  | { readonly kind: 'topic'; readonly topic: number; readonly receivedMonoUs: number }
  | { readonly kind: 'writable' }
  | { readonly kind: 'end' }

/** Tells whether a call on the link is under way. */
export class CallWatch {
  #depth = 0

  during<T>(call: () => T): T {
    this.#depth++
    try {
      return call()
    } finally {
      this.#depth--
    }
  }

  get isInside(): boolean {
    return this.#depth > 0
  }
}

/** Writes down what a link tells, and which of the rules that hold for every link it breaks. */
export class LinkLog implements WsLinkEvents {
  readonly calls = new CallWatch()
  readonly events: LoggedEvent[] = []
  /** Rules broken. */
  readonly broken: string[] = []
  batches = 0
  opened: WsOpenInfo | undefined
  cause: WsDisconnectCause | undefined
  /** What {@link inMessages}, {@link inPing} or {@link inTopic} threw: a link would not catch it. */
  failure: unknown
  /** Run inside the callback, before anything is written down. */
  inMessages: (batch: WsBatch) => void = () => {}
  inPing: () => void = () => {}
  inTopic: (topic: number) => void = () => {}

  get messages(): LoggedMessage[] {
    return this.events.filter((event) => event.kind === 'message')
  }

  get texts(): string[] {
    return this.messages.map(({ text }) => text)
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind)
  }

  onOpen(info: WsOpenInfo): void {
    this.#check('onOpen')
    if (this.opened !== undefined) this.broken.push('onOpen came twice')
    this.opened = info
    this.events.push({ kind: 'open' })
  }

  onMessages(batch: WsBatch): void {
    this.#check('onMessages', true)
    if (batch.length === 0) this.broken.push('an empty batch came')
    this.batches++
    this.#run(() => this.inMessages(batch))
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.at(i)
      this.events.push({
        kind: 'message',
        isText: frame.isText,
        ascii: frame.ascii,
        bytes: frame.copy(),
        text: frame.text(),
        receivedAtUs: frame.receivedAtUs,
        receivedMonoUs: frame.receivedMonoUs,
        receivedAtIsUpperBound: frame.receivedAtIsUpperBound,
      })
    }
  }

  onPing(payload: Uint8Array, receivedMonoUs: number): void {
    this.#check('onPing', true)
    this.#run(this.inPing)
    this.events.push({ kind: 'ping', payload, receivedMonoUs })
  }

  onPong(payload: Uint8Array, receivedMonoUs: number): void {
    this.#check('onPong', true)
    this.events.push({ kind: 'pong', payload, receivedMonoUs })
  }

  onTopic(topic: number, receivedMonoUs: number): void {
    this.#check('onTopic', true)
    this.#run(() => this.inTopic(topic))
    this.events.push({ kind: 'topic', topic, receivedMonoUs })
  }

  onWritable(): void {
    this.#check('onWritable', true)
    this.events.push({ kind: 'writable' })
  }

  onEnd(cause: WsDisconnectCause): void {
    this.#check('onEnd')
    this.cause ??= cause
    this.events.push({ kind: 'end' })
  }

  #run(hook: () => void): void {
    try {
      hook()
    } catch (error) {
      this.failure ??= error
    }
  }

  #check(event: string, afterOpen = false): void {
    if (this.calls.isInside) this.broken.push(`${event} came from inside a call`)
    if (this.cause !== undefined) this.broken.push(`${event} came after onEnd`)
    if (afterOpen && this.opened === undefined) this.broken.push(`${event} came before onOpen`)
  }
}
