import { deflateCases } from './contract/deflate.ts'
import { deflateSendingCases } from './contract/deflate-sending.ts'
import { deflateViolationCases } from './contract/deflate-violations.ts'
import { endingCases } from './contract/ending.ts'
import type { ContractCase } from './contract/environment.ts'
import { inflateBinaryCases } from './contract/inflate-binary.ts'
import { openingCases } from './contract/opening.ts'
import { pressureCases } from './contract/pressure.ts'
import { receiveTimesCases } from './contract/receive-times.ts'
import { receivingCases } from './contract/receiving.ts'
import { sendingCases } from './contract/sending.ts'
import { topicCases } from './contract/topics.ts'
import { violationCases } from './contract/violations.ts'

export type {
  ContractCase,
  ContractConnection,
  ContractEnvironment,
  ContractFrame,
  ContractPeer,
  ContractTraits,
  ContractUpgrade,
} from './contract/environment.ts'

/**
 * What every `WsTransport` keeps, one named case per rule, for any test runner:
 *
 * ```ts
 * for (const { name, run } of transportContract) test(name, () => run(environment))
 * ```
 *
 * Each case opens its own server and links and leaves none. A few take up to a second of the environment's clock.
 */
export const transportContract: readonly ContractCase[] = [
  ...openingCases,
  ...receivingCases,
  ...receiveTimesCases,
  ...sendingCases,
  ...pressureCases,
  ...endingCases,
  ...violationCases,
  ...deflateCases,
  ...deflateViolationCases,
  ...deflateSendingCases,
  ...inflateBinaryCases,
  ...topicCases,
]
