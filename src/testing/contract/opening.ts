import assert from 'node:assert/strict'
import type { WsDisconnectCause } from '../../errors/disconnect-cause.ts'
import { OFFER_CLOSED } from '../../transport/transport.ts'
import type { ContractCase } from './environment.ts'
import { text, textOf } from './frames.ts'
import { contractCase, TIMEOUTS } from './scene.ts'

const GIVEN: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'ERR_GIVEN',
  message: 'given',
  closeCode: 1006,
  closeReason: '',
}

export const openingCases: readonly ContractCase[] = [
  contractCase('onOpen tells subprotocol, response headers and addresses', async (scene) => {
    const { log, peer } = await scene.open(
      { subprotocols: ['a.b', 'c.d'], headers: [['X-Token', 'secret 1']] },
      {
        kind: 'accept',
        subprotocol: 'c.d',
        headers: [
          ['X-Server', 'of the test'],
          ['x-server', 'twice'],
        ],
      },
    )
    const { opened } = log
    assert.equal(opened?.subprotocol, 'c.d')
    const ours = opened?.responseHeaders.filter(([name]) => name.toLowerCase() === 'x-server')
    assert.deepEqual(ours, [
      ['X-Server', 'of the test'],
      ['x-server', 'twice'],
    ])
    assert.match(opened?.remoteAddress ?? '', /^[\d.]+$|:/)
    assert.match(opened?.localAddress ?? '', /^[\d.]+$|:/)
    assert.ok((opened?.remotePort ?? 0) > 0 && (opened?.localPort ?? 0) > 0)
    assert.equal(opened?.tls, undefined)
    assert.equal(peer.requestHeader('x-token'), 'secret 1')
    assert.equal(peer.requestHeader('sec-websocket-protocol')?.replaceAll(' ', ''), 'a.b,c.d')
  }),

  contractCase('a server may choose no subprotocol', async (scene) => {
    const { log } = await scene.open({ subprotocols: ['a.b'] })
    assert.equal(log.opened?.subprotocol, '')
  }),

  contractCase('messages that come with the response are delivered behind onOpen', async (scene) => {
    const glued = Buffer.concat([text('one'), text('two'), text('three').subarray(0, 4)])
    const { log, peer } = await scene.open({}, { kind: 'accept', glued })
    await scene.until(() => log.messages.length === 2, 'the messages')
    peer.send(text('three').subarray(4))
    await scene.until(() => log.messages.length === 3, 'the rest')
    assert.deepEqual(log.texts, ['one', 'two', 'three'])
    assert.equal(log.kinds[0], 'open')
  }),

  contractCase('a refused upgrade keeps status, headers and body', async (scene) => {
    const body = JSON.stringify({ error: 'geo-blocked', detail: 'ü'.repeat(100) })
    const headers: [string, string][] = [
      ['Content-Type', 'application/json'],
      ['Retry-After', '7'],
      ['Content-Length', `${Buffer.byteLength(body)}`],
    ]
    const peer = await scene.listen({ kind: 'refuse', status: 451, statusText: 'Unavailable', headers, body })
    const watched = scene.connect(peer.url)
    const cause = await scene.ended(watched)
    assert.ok(cause.kind === 'handshake-failed', cause.kind)
    assert.equal(cause.stage, 'upgrade')
    assert.equal(cause.code, 'ERR_UPGRADE_REFUSED')
    assert.equal(cause.http?.status, 451)
    assert.equal(cause.http?.statusText, 'Unavailable')
    assert.deepEqual(cause.http?.headers, headers)
    assert.equal(cause.http?.body, body)
    assert.equal(cause.http?.bodyTruncated, false)
    assert.deepEqual(watched.log.kinds, ['end'])
  }),

  contractCase('a server that says nothing ends in ERR_UPGRADE_TIMEOUT', async (scene) => {
    const peer = await scene.listen({ kind: 'silent' })
    const watched = scene.connect(peer.url, { timeouts: { ...TIMEOUTS, upgradeMs: 30 } })
    const cause = await scene.ended(watched)
    assert.ok(cause.kind === 'handshake-failed', cause.kind)
    assert.equal(cause.stage, 'upgrade')
    assert.equal(cause.code, 'ERR_UPGRADE_TIMEOUT')
    assert.deepEqual(watched.log.kinds, ['end'])
  }),

  contractCase('the deadline over all stages ends in ERR_CONNECT_TIMEOUT', async (scene) => {
    const peer = await scene.listen({ kind: 'silent' })
    const cause = await scene.ended(scene.connect(peer.url, { timeouts: { ...TIMEOUTS, totalMs: 30 } }))
    assert.ok(cause.kind === 'handshake-failed', cause.kind)
    assert.equal(cause.code, 'ERR_CONNECT_TIMEOUT')
  }),

  contractCase('before it is open a link takes nothing', async (scene) => {
    const peer = await scene.listen({ kind: 'silent' })
    const { link } = scene.connect(peer.url)
    const bytes = new Uint8Array(1)
    assert.equal(link.offer('early'), OFFER_CLOSED)
    assert.equal(link.ping(bytes), OFFER_CLOSED)
    assert.equal(link.pong(bytes), OFFER_CLOSED)
    assert.equal(link.withdraw(1), false)
    assert.equal(link.delivery(1), 'none')
    assert.equal(link.queuedBytes, 0)
    link.flush()
  }),

  contractCase('pause before onOpen holds from the first byte', async (scene) => {
    const peer = await scene.listen({ kind: 'accept' })
    const { link, log } = scene.connect(peer.url)
    link.pause()
    await scene.until(() => log.opened !== undefined, 'onOpen')
    const connection = await peer.accepted()
    connection.send(text('later'))
    await scene.idle()
    assert.equal(log.messages.length, 0)
    link.resume()
    await scene.until(() => log.messages.length === 1, 'the message')
  }),

  contractCase('terminate while connecting ends with the given cause, once', async (scene) => {
    const peer = await scene.listen({ kind: 'silent' })
    for (const turns of [0, 1, 5]) {
      const watched = scene.connect(peer.url)
      await scene.idle(turns)
      watched.link.terminate(GIVEN)
      watched.link.terminate({ ...GIVEN, code: 'ERR_SECOND' })
      assert.equal(await scene.ended(watched), GIVEN)
      assert.deepEqual(watched.log.kinds, ['end'])
    }
  }),

  contractCase('terminate at any moment of connecting leaves one end and no socket', async (scene) => {
    const peer = await scene.listen({ kind: 'accept' })
    for (let turns = 0; turns < 12; turns++) {
      const watched = scene.connect(peer.url)
      await scene.idle(turns)
      watched.link.terminate(GIVEN)
      assert.equal(await scene.ended(watched), GIVEN)
      assert.ok(watched.log.kinds.length <= 2)
    }
  }),

  contractCase('close while connecting gives the attempt up', async (scene) => {
    const peer = await scene.listen({ kind: 'silent' })
    const watched = scene.connect(peer.url)
    await scene.idle(3)
    watched.link.close(1000, 'never mind', 1_000)
    const cause = await scene.ended(watched)
    assert.ok(cause.kind === 'local-stop', cause.kind)
    assert.equal(cause.closeCode, 1006)
    assert.deepEqual(watched.log.kinds, ['end'])
  }),

  contractCase('over TLS the second connection resumes the session of the first', async (scene) => {
    if (scene.secure === undefined) return
    const { tls } = scene.secure
    const peer = await scene.listenSecure()
    for (const sessionReused of [false, true]) {
      const { link, log } = scene.connect(peer.url, { tls })
      await scene.until(() => log.opened !== undefined || log.cause !== undefined, 'onOpen')
      assert.equal(log.opened?.tls?.authorized, true, log.cause?.message)
      assert.equal(log.opened?.tls?.sessionReused, sessionReused)
      // A server sends its tickets before anything else.
      const connection = await peer.accepted()
      connection.send(text('behind the tickets'))
      await scene.until(() => log.messages.length === 1, 'the message')
      link.terminate(GIVEN)
    }
    const { log } = scene.connect(peer.url, { tls: { ...tls, sessionResumption: false } })
    await scene.until(() => log.opened !== undefined, 'onOpen')
    assert.equal(log.opened?.tls?.sessionReused, false)
  }),

  contractCase('many links at once do not mix', async (scene) => {
    const peer = await scene.listen({ kind: 'accept' })
    const links = Array.from({ length: 40 }, () => scene.connect(peer.url))
    await scene.until(() => links.every(({ log }) => log.opened !== undefined), 'all to open')
    const connections = await Promise.all(links.map(() => peer.accepted()))
    for (const [index, { link }] of links.entries()) {
      for (let i = 0; i < 10; i++) assert.equal(link.offer(`link ${index} message ${i}`), i + 1)
    }
    await scene.until(() => connections.every(({ frames }) => frames.length === 10), 'all frames')
    for (const connection of connections) {
      const texts = connection.frames.map(textOf)
      const name = texts[0]?.split(' message')[0]
      assert.deepEqual(
        texts,
        Array.from({ length: 10 }, (_, i) => `${name} message ${i}`),
      )
      for (const message of texts) connection.send(text(message))
    }
    await scene.until(() => links.every(({ log }) => log.messages.length === 10), 'all echoes')
    for (const [index, { log }] of links.entries()) {
      assert.deepEqual(
        log.texts,
        Array.from({ length: 10 }, (_, i) => `link ${index} message ${i}`),
      )
    }
  }),
]
