export type {
  HeaderLines,
  WsAddress,
  WsConnectRequest,
  WsLimits,
  WsLookup,
  WsStageTimeouts,
  WsTlsConfig,
} from './connect/request.ts'
export {
  WsConnectError,
  type WsConnectStage,
  type WsDisconnectCause,
  type WsHttpRefusal,
} from './errors/disconnect-cause.ts'
export { SharedWsError, WsConfigError, type WsConfigProblem } from './errors/errors.ts'
export { PROTOCOL_STATUSES, type ProtocolStatus, type ProtocolStatusCode } from './errors/statuses.ts'
export { connect } from './front/connect.ts'
export type { WsClosed, WsConnection, WsConnectionState, WsConnectionStats, WsSendResult } from './front/connection.ts'
export type {
  WsBackpressureEvent,
  WsConnectedEvent,
  WsDisconnectedEvent,
  WsEvent,
  WsGapEvent,
  WsMessage,
} from './front/events.ts'
export type {
  ConnectOptions,
  WsAttemptContext,
  WsCallbackErrorPolicy,
  WsHeadersInit,
  WsProvided,
  WsQueueOptions,
  WsQueuePolicy,
} from './front/options.ts'
export { type Clock, type ClockTimer, systemClock } from './support/clock.ts'
export type { RandomSource } from './support/random.ts'
export { WsFrame } from './transport/frame.ts'
export { type NativeInfo, nativeInfo, nativeTransport } from './transport/native.ts'
export {
  OFFER_CLOSED,
  OFFER_FULL,
  type WsBatch,
  type WsDelivery,
  type WsLink,
  type WsLinkEvents,
  type WsOfferOptions,
  type WsOpenInfo,
  type WsPayload,
  type WsPayloadWriter,
  type WsTransport,
} from './transport/transport.ts'
export { wsTransport } from './transport/ws.ts'
