import type { IngressPlan } from '../../src/plan/plan.ts'
import { plainRequest } from '../../src/testing/contract/scene.ts'
import type { ContractEnvironment } from '../../src/testing/transport-contract.ts'
import { encodeFrame } from '../../src/transport/frame-encoder.ts'

const TEXT = 1
const ENOUGH = { kind: 'local-stop', code: 'ERR_ENOUGH', message: '', closeCode: 1006, closeReason: '' } as const
const BYTES_AT_ONCE = 64 * 1024
const MAX_TURNS = 1_000_000

export interface TopicsTold {
  /** Of each message, the topic that was told before it; undefined: none. */
  readonly topics: readonly (string | undefined)[]
  /** Of each watched topic of which something was seen, whether the time of that is the last message's that was told. */
  readonly timesAgree: boolean
}

/** Sends text messages to a link that watches `watched`, and writes down what it says of their topics. */
export async function topicsTold(
  environment: ContractEnvironment,
  plan: IngressPlan,
  messages: readonly Uint8Array[],
  watched: Iterable<string>,
): Promise<TopicsTold> {
  const peer = await environment.listen({ kind: 'accept' })
  const told: (string | undefined)[] = []
  const names = new Map<number, string>()
  const lastUs = new Map<number, number>()
  let next: string | undefined
  let open = false
  let over: string | undefined
  const request = { ...plainRequest(peer.url, environment.clock), plan }
  const link = environment.transport.connect(request, {
    onOpen: () => {
      open = true
    },
    onMessages(batch) {
      for (let i = 0; i < batch.length; i++) {
        told.push(next)
        next = undefined
      }
    },
    onTopic(number, receivedMonoUs) {
      if (next !== undefined) over ??= `two topics for one message: ${next}`
      next = names.get(number) ?? `a number that was not given: ${number}`
      lastUs.set(number, receivedMonoUs)
    },
    onPing() {},
    onPong() {},
    onWritable() {},
    onEnd: (cause) => {
      over ??= cause.message
    },
  })
  const until = async (condition: () => boolean): Promise<void> => {
    for (let turns = 0; !condition(); turns++) {
      if (over !== undefined || turns > MAX_TURNS) throw new Error(over ?? 'nothing comes')
      await environment.turn()
    }
  }
  await until(() => open)
  for (const topic of watched) names.set(link.watchTopic(topic), topic)
  const connection = await peer.accepted()
  let frames: Uint8Array[] = []
  let bytes = 0
  for (const [i, message] of messages.entries()) {
    frames.push(encodeFrame(TEXT, message))
    bytes += message.length
    if (bytes < BYTES_AT_ONCE && i < messages.length - 1) continue
    connection.send(Buffer.concat(frames))
    frames = []
    bytes = 0
    await until(() => told.length === i + 1)
  }
  const timesAgree = Array.from(lastUs).every(([number, us]) => Math.abs(link.topicSeenUs(number) - us) < 1)
  link.terminate(ENOUGH)
  await until(() => over !== undefined).catch(() => {})
  await peer.close()
  return { topics: told, timesAgree }
}
