/** `shared-ws/testing`: to test what is built on shared-ws, and transports of your own. */

export { MockTransport, type MockTransportOptions } from '../transport/mock.ts'
export type { MockAccept, MockFrame, MockRefusal, MockServerLink } from '../transport/mock-server.ts'
export {
  type ContractCase,
  type ContractConnection,
  type ContractEnvironment,
  type ContractFrame,
  type ContractPeer,
  type ContractTraits,
  type ContractUpgrade,
  transportContract,
} from './transport-contract.ts'
export { VirtualClock } from './virtual-clock.ts'
