import { expect, test } from 'vitest'
import type { WsTopicPlan } from '../../src/plan/plan.ts'
import { checkPlan } from '../../src/plan/plan-check.ts'
import { parseTemplate, type TemplatePart, type TopicProgram, topicProgram } from '../../src/plan/topic-program.ts'
import { TopicScan } from '../../src/plan/topic-scan.ts'
import { Checker } from '../../src/support/check.ts'
import { nativeTransport } from '../../src/transport/native.ts'
import { socketEnvironment } from '../support/contract-environments.ts'
import { propertyParameters } from '../support/property.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { TopicSamples, textsIn } from '../support/topic-samples.ts'
import { topicsTold } from '../support/topics-told.ts'

// C++ and TypeScript say the same of every message. A link only tells of topics that it watches, so everything is watched that either
// could take for the topic of some message.

const MESSAGES_PER_PLAN = 150
const MAX_TEXTS = 14
const native = () => socketEnvironment(nativeTransport, { exactDelivery: true, drains: true })

const { numRuns: plans = 0, seed = Math.floor(Math.random() * 2 ** 32) } = propertyParameters(40)

function scanOf(plan: WsTopicPlan): TopicScan {
  const check = new Checker()
  const checked = checkPlan(check, { topic: plan })
  expect(check.problems).toEqual([])
  return new TopicScan(topicProgram(checked ?? {}) as TopicProgram)
}

/** Every name that could be made of the message by the template. */
function namesFrom(key: string, message: string): string[] {
  const texts = [...textsIn(message)].slice(0, MAX_TEXTS)
  let names = ['']
  for (const part of parseTemplate(key) as readonly TemplatePart[]) {
    const more = 'text' in part ? [part.text] : texts
    names = names.flatMap((name) => more.map((text) => name + text))
  }
  return names.filter((name) => name !== '' && Buffer.byteLength(name) <= 256)
}

test(`native and TypeScript find the same topics, in the same order (seed ${seed}, ${plans} plans)`, async () => {
  let found = 0
  for (let n = 0; n < plans; n++) {
    const samples = new TopicSamples(seededRandom(seed + n))
    const plan = samples.plan()
    const messages = Array.from({ length: MESSAGES_PER_PLAN }, () => samples.message(plan))
    const scan = scanOf(plan)
    const expected = messages.map((message) => scan.topicOf(Buffer.from(message)))
    const watched = new Set(messages.flatMap((message) => namesFrom(plan.key, message)))
    for (const topic of expected) if (topic !== undefined) watched.add(topic)
    const payloads = messages.map((message) => Buffer.from(message))
    const { topics, timesAgree } = await topicsTold(native(), { topic: plan }, payloads, watched)
    const at = expected.findIndex((topic, i) => topic !== topics[i])
    if (at !== -1) {
      const what = { plan, message: messages[at], typescript: expected[at], native: topics[at] }
      expect.fail(`SHARED_WS_SEED=${seed}, plan ${n}, message ${at}: ${JSON.stringify(what)}`)
    }
    expect(timesAgree).toBe(true)
    found += expected.filter((topic) => topic !== undefined).length
  }
  // Of a test that compares nothing nobody would know: with the usual seed there is a topic in every tenth message at least.
  if (process.env['SHARED_WS_SEED'] === undefined) expect(found).toBeGreaterThan((plans * MESSAGES_PER_PLAN) / 20)
})
