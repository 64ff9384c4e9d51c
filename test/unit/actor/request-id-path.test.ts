import { describe, expect, it } from 'vitest'
import type { WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import { jsonHandler, readyActor, sentTo } from './support.ts'

const request = (frame: WsDelegatedRequest['frame']): WsDelegatedRequest => {
  return { frame, requestId: '9007199254740993123', confirmMode: 'confirmed', timeoutMs: 100 }
}

describe('a handler that knows where requests have their ids', () => {
  it('has a request refused that its answer could not be found for, before anything is sent', async () => {
    const { handler } = jsonHandler({ requestIdPath: 'params.id' })
    const { actor, server, pass } = await readyActor({ handler })
    for (const frame of ['{"id":9007199254740993123}', '{"params":{"id":9007199254740993124}}', 'no JSON']) {
      await expect(actor.ask(request(frame))).rejects.toMatchObject({ code: 'ERR_REQUEST_ID_NOT_IN_FRAME' })
    }
    await pass()
    expect([sentTo(server()), actor.stats().pending]).toEqual([[], 0])
    void actor.ask(request((id) => `{"params":{"id":${id}}}`))
    await pass()
    expect(server().frames.map((frame) => frame.text())).toEqual(['{"params":{"id":9007199254740993123}}'])
  })

  it('may not know: then the frame is sent as it is', async () => {
    const { actor, server, pass } = await readyActor({ handler: jsonHandler().handler })
    void actor.ask(request('{"params":1}'))
    await pass()
    expect(sentTo(server())).toEqual([{ params: 1 }])
  })
})
