import { SharedWsError } from '../../errors/errors.ts'
import { type ChildAnswer, type ChildRequest, CONTROLS, type Started } from './control-protocol.ts'
import { EmbeddedExchange } from './embedded-exchange.ts'

/**
 * The process of an `ExchangeProcess`. It does what it is told over IPC and ends when its parent does, or closes the
 * channel. A Ctrl-C in the terminal reaches it too, and is not for it: the parent may still have questions.
 */
let exchange: EmbeddedExchange | undefined

process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', (request: ChildRequest) => {
  handle(request).then(
    (result) => answer({ call: request.call, result }),
    (error: Error & { code?: string }) =>
      answer({ call: request.call, error: { code: error.code ?? 'ERR_EXCHANGE', message: error.message } }),
  )
})

async function handle({ method, args }: ChildRequest): Promise<unknown> {
  if (method === 'start') {
    exchange = await EmbeddedExchange.start(args[0])
    return { url: exchange.url, port: exchange.port } satisfies Started
  }
  if (exchange === undefined || !CONTROLS.includes(method)) {
    throw new SharedWsError('ERR_EXCHANGE', `the exchange's process cannot ${String(method)}`)
  }
  const control = exchange[method] as (...args: readonly unknown[]) => unknown
  return control.apply(exchange, [...args])
}

function answer(message: ChildAnswer): void {
  // The parent may be gone by now; 'disconnect' ends us then.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
