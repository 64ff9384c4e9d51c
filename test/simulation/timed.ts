import type { WsStatusEvent } from '../../src/actor/status.ts'
import type { Life } from './life.ts'
import type { Tcp } from './world/socket.ts'

/** One call of `send` with a time-to-live, and what is known of it from all sides. Times are the client's monotonic µs. */
export interface TimedRecord {
  /** Which call of the user's it is; it stands in its frame. */
  readonly call: number
  readonly bytes: number
  readonly across: boolean
  readonly dueUs: number
  /** When it was called: what was connected, and as which connection. */
  readonly tcp: Tcp | undefined
  readonly connection: number
  accepted: boolean
  /** The kernel has taken its first byte, on this one; and its last. */
  began: Tcp | undefined
  taken: boolean
  /** It was said to be given up without a byte of it having left. */
  givenUp: boolean
  arrivals: number
}

/** Timers of Node count whole ms, and at least one. */
const TIMERS_LATE_US = 2000

type GivenUp = Extract<WsStatusEvent, { kind: 'sends-given-up' }>

/** Messages and bytes. */
interface Sum {
  messages: number
  bytes: number
}

const sum = (): Sum => ({ messages: 0, bytes: 0 })

function add(to: Sum, { messages = 1, bytes }: { readonly messages?: number; readonly bytes: number }): void {
  to.messages += messages
  to.bytes += bytes
}

/** Sends of one actor that have a time-to-live. */
export class TimedSendsOf {
  readonly #life: Life
  readonly #byCall = new Map<number, TimedRecord>()
  /** Accepted, and neither with the kernel nor known to be over. */
  readonly open = new Set<TimedRecord>()
  /** Handed over by a call that has not returned: those of a batch may be over before the last of it is written. */
  readonly #underWay = new Set<TimedRecord>()
  readonly accepted = sum()
  readonly taken = sum()
  readonly told: Readonly<Record<GivenUp['delivery'], Sum>> = { none: sum(), part: sum(), unknown: sum() }

  /** Have left on another connection than the one that there was when they were sent. */
  crossed = 0
  /** Told to be given up because it all ends, before it has ended, and since: which ones, is not known out here. */
  unnamed = 0

  constructor(life: Life) {
    this.#life = life
  }

  get toldMessages(): number {
    return this.told.none.messages + this.told.part.messages + this.told.unknown.messages
  }

  /** Its frame has been made, and its time begins. Whether it is accepted, is known later. */
  planned(call: number, bytes: number, ttlMs: number, across: boolean): void {
    const { sim, evidence, actor } = this.#life
    const record: TimedRecord = {
      call,
      bytes,
      across,
      dueUs: sim.clock.monoUs() + ttlMs * 1000,
      tcp: evidence.liveTcp,
      connection: actor.connection,
      accepted: false,
      began: undefined,
      taken: false,
      givenUp: false,
      arrivals: 0,
    }
    this.#byCall.set(call, record)
    this.#underWay.add(record)
  }

  wasAccepted(call: number): void {
    const record = this.#byCall.get(call)
    if (record === undefined) return
    this.#underWay.delete(record)
    record.accepted = true
    add(this.accepted, record)
    if (record.taken) add(this.taken, record)
    else this.open.add(record)
  }

  wasRefused(call: number): void {
    const record = this.#byCall.get(call)
    this.#byCall.delete(call)
    if (record !== undefined) this.#underWay.delete(record)
    if (record?.began !== undefined) this.#violated('refused-is-not-sent', `call ${call} leaves, and was refused`)
  }

  began(call: number): void {
    const record = this.#byCall.get(call)
    const { sim, evidence } = this.#life
    const tcp = evidence.links.at(-1)?.tcp
    if (tcp !== evidence.readyTcp) this.#violated('ready-first', `call ${call} leaves before the connection is ready`)
    if (record === undefined) return
    if (record.began !== undefined) this.#violated('sent-once', `call ${call} is sent a second time`)
    if (record.givenUp) this.#violated('given-up-stays-so', `call ${call} leaves, after it was said to be given up`)
    if (!record.across && tcp !== record.tcp) {
      this.#violated('dies-with-its-connection', `call ${call} leaves on another connection than its own`)
    }
    // A frame that the link has may begin late by as long as client code blocks; once timers have run, it has been taken back. What
    // `ws` was given cannot be.
    if (sim.setup.flavour === 'native' && record.dueUs + TIMERS_LATE_US <= sim.loop.timersUs) {
      const lateMs = (sim.clock.monoUs() - record.dueUs) / 1000
      this.#violated('sent-in-time', `call ${call} leaves ${lateMs} ms too late`)
    }
    record.began = tcp
    if (tcp !== record.tcp) this.crossed++
  }

  wasTaken(call: number): void {
    const record = this.#byCall.get(call)
    if (record === undefined) return
    record.taken = true
    this.open.delete(record)
    if (record.accepted) add(this.taken, record)
  }

  arrived(call: number): void {
    const record = this.#byCall.get(call)
    if (record === undefined) return
    record.arrivals++
    if (record.arrivals > 1) this.#violated('arrives-once', `call ${call} arrived twice`)
  }

  tells(event: GivenUp): void {
    const { sim } = this.#life
    const { reason, delivery, messages, bytes } = event
    add(this.told[delivery], event)
    const isNative = sim.setup.flavour === 'native'
    const about = `${messages} are given up as ${reason} (${delivery})`
    if (messages < 1 || bytes < messages) this.#violated('given-up-has-cause', `${about}, of ${bytes} bytes`)
    if (delivery === (isNative ? 'unknown' : 'part'))
      this.#violated('given-up-has-cause', `${about} over ${sim.setup.flavour}`)
    const nowUs = sim.clock.monoUs()
    const may = (record: TimedRecord): boolean => {
      if (record.givenUp) return false
      // What `ws` holds has begun for all that the library can know.
      if (delivery !== 'none') return !isNative || record.began !== undefined
      if (record.began !== undefined) return false
      if (reason === 'expired-unsent') return record.dueUs <= nowUs
      return reason === 'stopped' || (!record.across && record.connection === event.connection)
    }
    const those = [...this.open, ...this.#underWay].filter(may).sort((a, b) => a.dueUs - b.dueUs)
    if (those.length < messages) this.#violated('given-up-has-cause', `${about}, and only ${those.length} may be`)
    if (delivery === 'none' && (reason === 'stopped' || this.unnamed > 0)) this.unnamed += messages
    // All that are due are given up together; what has become due since is later.
    if (!isNative || reason !== 'expired-unsent' || this.unnamed > 0) return
    const gone = those.slice(0, messages)
    for (const record of gone) record.givenUp = true
    const goneBytes = gone.reduce((all, record) => all + record.bytes, 0)
    if (goneBytes !== bytes) this.#violated('given-up-has-cause', `${about} with ${bytes} bytes, not ${goneBytes}`)
  }

  /** The gap of a connection: what belonged to it is over. */
  connectionOver(connection: number): void {
    for (const record of this.open) if (!record.across && record.connection === connection) this.open.delete(record)
  }

  /** Something waits of which the user has not been told that it will not be sent. */
  get waits(): boolean {
    // Which ones `ws` may have sent, nobody knows.
    if (this.told.unknown.messages > 0) return false
    const nowUs = this.#life.sim.clock.monoUs()
    for (const record of this.open) if (record.began === undefined && record.dueUs > nowUs) return true
    return false
  }

  #violated(name: string, detail: string): void {
    this.#life.sim.violated(name, detail)
  }
}
