import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import type { WsGapReport, WsGapReported } from '../../../src/errors/gap-report.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { type Json, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

export const WATCHED: NonNullable<WebSocketActorOptions['topics']> = {
  topicOf: (frame) => (frame.json() as { topic?: string }).topic,
  silentAfterMs: 60_000,
}

/** Messages are `{ topic, seq }`; the handler wants each topic's to count up by one, and reports what does not. */
export async function numbered(
  options: Partial<WebSocketActorOptions<Json, never>> = {},
  remedy?: WsGapReport['remedy'],
) {
  const last = new Map<string, number>()
  const said: WsGapReported[] = []
  const { handler, messages } = jsonHandler({
    resetState: () => last.clear(),
    handleMessage(message, session) {
      const { topic, seq } = message as { topic?: string; seq?: number }
      if (topic === undefined || seq === undefined) return
      const expected = (last.get(topic) ?? seq - 1) + 1
      last.set(topic, seq)
      if (seq === expected) return
      const report = { key: topic, expected, received: seq, messages: seq - expected }
      said.push(session.reportGap(remedy === undefined ? report : { ...report, remedy }))
    },
  })
  const setup = await readyActor({
    handler,
    subscriptionManager: jsonSubscriptions(),
    subscriptions: ['a', 'b'],
    ...options,
  })
  const acked = new Set<string>()
  /** Answers every subscription message of this connection that has no answer. */
  const ack = async (): Promise<void> => {
    const server = setup.server()
    for (const { req, sub, unsub } of sentTo(server) as { req?: string; sub?: string[]; unsub?: string[] }[]) {
      if (req === undefined || acked.has(`${setup.actor.connection}/${req}`)) continue
      acked.add(`${setup.actor.connection}/${req}`)
      server.sendText(JSON.stringify({ ack: req, accepted: [...(sub ?? []), ...(unsub ?? [])] }))
    }
    await setup.pass()
  }
  const data = async (topic: string, seq: number): Promise<void> => {
    setup.server().sendText(JSON.stringify({ topic, seq }))
    await setup.pass()
  }
  await ack()
  for (const topic of ['a', 'b']) await data(topic, 1)
  return { ...setup, messages, said, ack, data, last }
}

export const subscriptionsSent = (server: MockServerLink) =>
  sentTo(server)
    .slice(1)
    .map(({ sub, unsub }) => ({ sub, unsub }))
