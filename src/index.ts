export type { WsActor, WsActorStats } from './actor/actor.ts'
export type { WsStatusDiagnostics } from './actor/diagnostics.ts'
export type { WsOpenGap } from './actor/open-gaps.ts'
export type { WebSocketActorOptions } from './actor/options.ts'
export type { WsRecentError } from './actor/recent-errors.ts'
export type {
  WsConnectionStatus,
  WsHookError,
  WsHookErrorPolicy,
  WsStatusBase,
  WsStatusEvent,
  WsStopped,
} from './actor/status.ts'
export { WebSocketActor } from './actor/websocket-actor.ts'
export type {
  WsDeflateCompression,
  WsDeflateOffer,
  WsNegotiatedDeflate,
  WsPerMessageDeflateOptions,
} from './connect/permessage-deflate.ts'
export type { WsProxy, WsProxyCredentials, WsProxyInit, WsProxyOptions } from './connect/proxy.ts'
export { proxyFromEnv } from './connect/proxy-env.ts'
export type { WsTlsInfo } from './connect/raw-link.ts'
export type {
  HeaderLines,
  WsAddress,
  WsAddressFamily,
  WsBinaryCompression,
  WsConnectRequest,
  WsLimits,
  WsLookup,
  WsPem,
  WsSocketOptions,
  WsStageTimeouts,
  WsTimestampSource,
  WsTlsConfig,
} from './connect/request.ts'
export type { WsDisconnectAction } from './errors/disconnect-action.ts'
export {
  WsConnectError,
  type WsConnectStage,
  type WsDisconnectCause,
  type WsHttpRefusal,
  type WsSessionStage,
} from './errors/disconnect-cause.ts'
export { SharedWsError, WsConfigError, type WsConfigProblem } from './errors/errors.ts'
export type { WsGapRemedy, WsGapReport, WsGapReported } from './errors/gap-report.ts'
export { PROTOCOL_STATUSES, type ProtocolStatus, type ProtocolStatusCode } from './errors/statuses.ts'
export { connect } from './front/connect.ts'
export type {
  WsClosed,
  WsCloseOptions,
  WsConnection,
  WsConnectionState,
  WsConnectionStats,
  WsSendOptions,
  WsSendResult,
  WsWaitOptions,
} from './front/connection.ts'
export type {
  WsAlarmEvent,
  WsBackpressureEvent,
  WsConnectedEvent,
  WsCoolingDownEvent,
  WsDisconnectedEvent,
  WsEvent,
  WsGapEvent,
  WsHeldEvent,
  WsMessage,
  WsReadyEvent,
  WsResumedEvent,
  WsSendsGivenUpEvent,
  WsSettledEvent,
  WsStaleEvent,
  WsStallEvent,
  WsSubscriptionEvent,
  WsTopicSilentEvent,
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
export type { WsSubscriptionEncoder, WsSubscriptionPlan } from './front/subscription-encoder.ts'
export { WsApplicationPingPong, type WsApplicationPingPongOptions } from './health/application-ping-pong.ts'
export { type WsHealthCounter, WsHealthMonitor } from './health/health-monitor.ts'
export { WsLatencyPolicy, type WsLatencyPolicyOptions, type WsLatencyVerdict } from './health/latency-policy.ts'
export type { WsDistribution, WsHealthSnapshot, WsMetricsReporter } from './health/metrics.ts'
export type { WsHeartbeat, WsPingPongLink, WsPingPongStrategy, WsPingPongVerdict } from './health/ping-pong.ts'
export { ProtocolPingPong, type ProtocolPingPongOptions } from './health/protocol-ping-pong.ts'
export type { WsTopicWatchOptions } from './health/topic-watch.ts'
export type { WsIngress, WsIngressSink, WsIngressVerdict } from './ingress/ingress.ts'
export { SequenceCheck, type WsSequenceNumber, type WsSequenceVerdict } from './ingress/sequence-check.ts'
export type { IngressPlan, WsTopicCondition, WsTopicPlan } from './plan/plan.ts'
export { WsCircuitBreaker, type WsCircuitBreakerOptions } from './reconnect/circuit-breaker.ts'
export { classifyDisconnect, type DisconnectHistory } from './reconnect/classify.ts'
export {
  ConnectBudget,
  type ConnectBudgetOptions,
  type ConnectClaim,
  type ConnectLimit,
  DEFAULT_CONNECT_LIMITS,
  type SharedConnectBudget,
} from './reconnect/connect-budget.ts'
export { ExponentialBackoff, type ExponentialBackoffOptions, NoReconnect } from './reconnect/exponential-backoff.ts'
export type { WsReconnectStrategy } from './reconnect/strategy.ts'
export type { WsDelegatedRequest } from './requests/delegated-request.ts'
export type {
  WsOutcome,
  WsOutcomeBase,
  WsOutcomeItem,
  WsOutcomeTiming,
  WsOutcomeVerdict,
  WsRateLimitFeedback,
  WsReason,
} from './requests/outcome.ts'
export type { PendingRequestsOptions, WsUnresolved } from './requests/pending-requests.ts'
export { WsReply } from './requests/reply.ts'
export type { WsReplyMatch, WsVerdict } from './requests/reply-match.ts'
export { SequentialRequestIds, type WsRequestIds } from './requests/request-ids.ts'
export {
  type WsAuthLifetime,
  WsAuthRefusedError,
  type WsEndpointHandler,
  type WsErrorAction,
  type WsParsed,
  type WsServerError,
  type WsSession,
  type WsSessionSend,
} from './session/endpoint-handler.ts'
export type { WsPacingOptions } from './session/pacing.ts'
export {
  NoSubscriptions,
  type WsNextId,
  type WsSubscriptionManager,
  type WsSubscriptionRequest,
  type WsSubscriptionResponse,
} from './session/subscription-manager.ts'
export type { WsSubscriptionStage, WsSubscriptionState } from './session/subscriptions.ts'
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
