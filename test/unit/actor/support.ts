import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import type { WsHookError, WsStatusEvent } from '../../../src/actor/status.ts'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { WsEndpointHandler } from '../../../src/session/endpoint-handler.ts'
import type { WsSubscriptionManager } from '../../../src/session/subscription-manager.ts'
import type { RandomSource } from '../../../src/support/random.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type MockServerLink, MockTransport } from '../../../src/transport/mock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** Promises that can settle now have, afterwards. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export function randomFrom(seed: number): RandomSource {
  const next = seededRandom(seed)
  return { float: next, bytes: (n) => Uint8Array.from({ length: n }, () => Math.floor(next() * 256)) }
}

/** JSON like `{ id, result }`, `{ id, error }`, `{ ack, accepted, rejected }`; everything else is a message. */
export interface Json {
  readonly [key: string]: unknown
}

/** The protocol that these tests speak: ids in `id`, messages recorded. */
export function jsonHandler(overrides: Partial<WsEndpointHandler<Json>> = {}) {
  const messages: Json[] = []
  const handler: WsEndpointHandler<Json> = {
    parse(frame) {
      const json = frame.json() as Json
      if (json['fault'] !== undefined) return { kind: 'server-error', error: { message: String(json['fault']) } }
      return { kind: 'message', message: json }
    },
    handleMessage: (message) => {
      messages.push(message)
    },
    matchReply(frame) {
      const json = frame.json() as Json
      if (json['id'] === undefined) return undefined
      const requestId = String(json['id'])
      if (json['error'] !== undefined) return { requestId, verdict: 'rejected', message: String(json['error']) }
      return { requestId, verdict: json['result'] === undefined ? 'neither' : 'confirmed' }
    },
    ...overrides,
  }
  return { handler, messages }
}

/** `{ sub: [...], unsub: [...], req }`, answered with `{ ack: req, accepted, rejected }`. */
export function jsonSubscriptions(overrides: Partial<WsSubscriptionManager> = {}): WsSubscriptionManager {
  const request = (subscribe: readonly string[], unsubscribe: readonly string[], requestId: string) => ({
    requestId,
    payload: JSON.stringify({ sub: subscribe, unsub: unsubscribe, req: requestId }),
    subscribe,
    unsubscribe,
  })
  return {
    initial: (desired, nextId) => [request(desired, [], nextId())],
    update: ({ add, remove }, nextId) => [request(add, remove, nextId())],
    maybeSubscriptionResponse: (frame) => frame.text().includes('"ack"'),
    response(frame) {
      const { ack, accepted, rejected, refused } = frame.json() as {
        ack?: string
        accepted?: string[]
        rejected?: { item: string; code?: string }[]
        refused?: { message: string }
      }
      if (ack === undefined) return undefined
      if (refused !== undefined) return { requestId: ack, refused }
      return { requestId: ack, accepted: accepted ?? [], ...(rejected === undefined ? {} : { rejected }) }
    },
    ...overrides,
  }
}

/** An actor over the mock transport, whose time stands still. */
export function mockActor<E = never>(
  options: Partial<WebSocketActorOptions<Json, E>> = {},
  onConnect: (server: MockServerLink) => void = (server) => server.accept(),
) {
  const clock = new BlockingClock()
  const transport = new MockTransport({ onConnect })
  const heard: WsStatusEvent[] = []
  const hookErrors: WsHookError[] = []
  const late: WsOutcome[] = []
  const actor = new WebSocketActor<Json, E>({
    url: 'ws://host.example/',
    random: randomFrom(1),
    // Most tests reconnect more often in no time than a venue would like.
    connectBudget: false,
    onStatus: (event) => heard.push(event),
    onHookError: (error) => hookErrors.push(error),
    onLateReply: (outcome) => late.push(outcome),
    ...options,
    clock,
    transport,
  } as WebSocketActorOptions<Json, E>)
  /** Lets everything happen that needs no time, and then `ms`. */
  const pass = async (ms = 0): Promise<void> => {
    await turn()
    clock.advance(ms)
    await turn()
    clock.advance(0)
    await turn()
  }
  /** The server's end of the newest attempt. */
  const server = (): MockServerLink => transport.servers.at(-1) as MockServerLink
  const kinds = (): string[] => heard.map(({ kind }) => kind)
  const of = <K extends WsStatusEvent['kind']>(kind: K) =>
    heard.filter((event): event is Extract<WsStatusEvent, { kind: K }> => event.kind === kind)
  return { actor, clock, transport, heard, hookErrors, late, pass, server, kinds, of }
}

/** The same, started and as far as it comes without time passing. */
export async function readyActor<E = never>(options: Partial<WebSocketActorOptions<Json, E>> = {}) {
  const setup = mockActor(options)
  setup.actor.start()
  await setup.pass()
  await setup.pass()
  return setup
}

/** Text frames that the server has got, parsed. */
export function sentTo(server: MockServerLink): Json[] {
  return server.frames.filter(({ opcode }) => opcode === 1).map((frame) => JSON.parse(frame.text()))
}

/** A clock that goes on while user code blocks: its timers fire late. */
export class BlockingClock extends VirtualClock {
  #blockedUs = 0

  override monoUs(): number {
    return super.monoUs() + this.#blockedUs
  }

  block(ms: number): void {
    this.#blockedUs += ms * 1000
  }
}

/** Follows a promise of an outcome without waiting for it. */
export function follow<T>(promise: Promise<T>): { readonly value: T | undefined; readonly error: unknown } {
  const state: { value: T | undefined; error: unknown } = { value: undefined, error: undefined }
  promise.then(
    (value) => {
      state.value = value
    },
    (error: unknown) => {
      state.error = error
    },
  )
  return state
}
