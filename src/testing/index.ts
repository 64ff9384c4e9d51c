/** `shared-ws/testing`: to test what is built on shared-ws, and transports of your own. */

export { NoReconnect } from '../reconnect/exponential-backoff.ts'
export { NoSubscriptions } from '../session/subscription-manager.ts'
export { MockTransport, type MockTransportOptions } from '../transport/mock.ts'
export type { MockAccept, MockFrame, MockRefusal, MockServerLink } from '../transport/mock-server.ts'
export type { ChaosFault, ExchangeChaos, ExchangeFault } from './exchange/chaos.ts'
export type { ForkedExchangeOptions } from './exchange/control-protocol.ts'
export type { ExchangeStats, RefuseOptions, StallOptions, WhichConnection } from './exchange/core.ts'
export { EmbeddedExchange } from './exchange/embedded-exchange.ts'
export { ExchangeProcess } from './exchange/exchange-process.ts'
export type { OrderFate } from './exchange/fates.ts'
export type { ExchangeLogEntry, ExchangeLogRecord } from './exchange/log.ts'
export type { ExchangeOptions, WhenTokenExpires } from './exchange/options.ts'
export { jsonRpc } from './json-rpc/frames.ts'
export { JsonRpcPingPong, type JsonRpcPingPongOptions } from './json-rpc/ping-pong.ts'
export {
  type JsonRpcCredentials,
  JsonRpcDelegatedEndpoint,
  type JsonRpcEndpointOptions,
  type JsonRpcNotification,
} from './json-rpc-delegated-endpoint.ts'
export { MockConnection, type MockEnd, type MockMessage, MockServer, type MockServerOptions } from './mock-server.ts'
export { SeededRandom } from './seeded-random.ts'
export type { WaitOptions } from './server/arrivals.ts'
export type { DropKind, Refusal, UpgradeRequest } from './server/listener.ts'
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
