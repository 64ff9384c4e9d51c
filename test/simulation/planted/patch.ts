import type { WsLink, WsLinkEvents, WsTransport } from '../../../src/transport/transport.ts'
import type { Tampering } from '../simulation.ts'

/** One defect, and which invariants may find it. */
export interface PlantedBug {
  readonly name: string
  readonly foundBy: readonly string[]
  /** Plants it in the classes of the library. Returns what takes it back. */
  readonly plant?: () => () => void
  /** Plants it between one actor and its world. */
  readonly tamper?: () => Tampering
}

type Method = (...args: never[]) => unknown

/**
 * Replaces a method of a class for as long as the bug is planted; `make` gets the real one. Returns what takes it back. No
 * source has a switch for this: a planted bug is a change of the running program.
 */
export function patch<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  make: (real: T[K]) => T[K],
): () => void {
  const real = prototype[name]
  if (typeof real !== 'function') throw new Error(`${name} is no method any more: the bug cannot be planted`)
  prototype[name] = make(real)
  return () => {
    prototype[name] = real
  }
}

/** True for every n-th call: a bug that shows each time would be found by anybody. */
export function everyNth(n: number): () => boolean {
  let calls = 0
  return () => ++calls % n === 0
}

/** An object that is `real` but for what `change` gives. */
export function like<T extends object>(real: T, change: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      if (name in change) return change[name as keyof T]
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value as Method).bind(target) : value
    },
  })
}

/** A transport whose links, and what they tell, are changed on the way. */
export function transportLike(
  transport: WsTransport,
  change: {
    link?: (link: WsLink, events: WsLinkEvents) => Partial<WsLink>
    events?: (events: WsLinkEvents) => Partial<WsLinkEvents>
  },
): WsTransport {
  return {
    name: transport.name,
    timestampSources: transport.timestampSources ?? [],
    connect(request, events) {
      const told: WsLinkEvents = {
        onOpen: (info) => events.onOpen(info),
        onMessages: (batch) => events.onMessages(batch),
        onPing: (payload, us) => events.onPing(payload, us),
        onPong: (payload, us) => events.onPong(payload, us),
        onTopic: (topic, us) => events.onTopic(topic, us),
        onWritable: () => events.onWritable(),
        onEnd: (cause) => events.onEnd(cause),
        ...change.events?.(events),
      }
      const link = transport.connect(request, told)
      return change.link === undefined ? link : like(link, change.link(link, events))
    },
  }
}
