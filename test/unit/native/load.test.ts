import { describe, expect, test } from 'vitest'
import { type Candidate, type LoadHost, loadNative, loadOn, nativeInfo } from '../../../src/native/load.ts'

const PACKAGE = '1.2.3'
const addon = { version: PACKAGE, simd: 'avx2', opensslVersion: '3.0.17', init: () => {} }

const candidate = (origin: 'prebuilt' | 'local', load: () => unknown): Candidate => ({
  origin,
  path: `/package/${origin}.node`,
  load,
})
const serves = (origin: 'prebuilt' | 'local') => candidate(origin, () => addon)
const fails = (origin: 'prebuilt' | 'local', message: string, code?: string) =>
  candidate(origin, () => {
    throw Object.assign(new Error(message), code === undefined ? {} : { code })
  })
const missing = (origin: 'prebuilt' | 'local') =>
  fails(origin, `Cannot find module '../../${origin}.node'\nRequire stack:\n- /package/load.js`, 'MODULE_NOT_FOUND')

function host(changes: Partial<LoadHost>, candidates: Candidate[] = [serves('prebuilt'), serves('local')]): LoadHost {
  return {
    platform: 'linux',
    arch: 'x64',
    versions: { node: '20.19.6', openssl: '3.0.17' },
    setting: undefined,
    packageVersion: () => PACKAGE,
    isMusl: () => false,
    candidates: () => candidates,
    ...changes,
  }
}

const untouchable: Candidate[] = [
  candidate('prebuilt', () => {
    throw new Error('a file was opened')
  }),
]

describe('what is loaded', () => {
  test('the prebuilt binary comes first', () => {
    const { addon: loaded, info } = loadOn(host({}))
    expect(loaded).toBe(addon)
    expect(info).toEqual({
      loaded: true,
      origin: 'prebuilt',
      reason: 'loaded the prebuilt binary',
      path: '/package/prebuilt.node',
      version: PACKAGE,
      simd: 'avx2',
      opensslVersion: '3.0.17',
      tried: [],
      suggestions: [],
    })
  })

  test('the local build serves where nothing is shipped', () => {
    const { info } = loadOn(host({}, [missing('prebuilt'), serves('local')]))
    expect(info).toMatchObject({ loaded: true, origin: 'local', path: '/package/local.node' })
  })

  test('the local build serves on musl, where the prebuilt binary cannot', () => {
    const { info } = loadOn(host({ isMusl: () => true }, [...untouchable, serves('local')]))
    expect(info).toMatchObject({ loaded: true, origin: 'local' })
  })

  test('the candidates are asked for by platform and architecture', () => {
    const asked: string[] = []
    const candidates = (target: string) => {
      asked.push(target)
      return []
    }
    loadOn(host({ platform: 'darwin', arch: 'arm64', candidates }))
    loadOn(host({ arch: 'arm64', candidates }))
    expect(asked).toEqual(['darwin-arm64', 'linux-arm64'])
  })

  test('an empty SHARED_WS_NATIVE says nothing', () => {
    expect(loadOn(host({ setting: '' })).info.loaded).toBe(true)
  })
})

describe('what is declined without a file being opened', () => {
  test.each<[string, Partial<LoadHost>, RegExp, RegExp]>([
    ['SHARED_WS_NATIVE=off', { setting: 'off' }, /SHARED_WS_NATIVE=off/, /unset/],
    ['a misspelt setting', { setting: 'false' }, /SHARED_WS_NATIVE=false is not understood/, /SHARED_WS_NATIVE=off/],
    ['Electron', { versions: { node: '20.9.0', openssl: '3.0.0', electron: '30.0.0' } }, /Electron/, /run on Node/],
    ['Bun', { versions: { node: '22.6.0', openssl: '3.0.0', bun: '1.2.0' } }, /Bun/, /run on Node/],
    ['Deno', { versions: { node: '22.6.0', openssl: '3.0.0', deno: '2.1.0' } }, /Deno/, /run on Node/],
    ['Windows', { platform: 'win32' }, /Windows/, /Linux/],
    ['OpenSSL 1.1', { versions: { openssl: '1.1.1w' } }, /needs OpenSSL 3.*1\.1\.1w/, /nodejs\.org/],
    ['OpenSSL 4', { versions: { openssl: '4.0.0' } }, /needs OpenSSL 3.*4\.0\.0/, /nodejs\.org/],
    ['no OpenSSL', { versions: {} }, /needs OpenSSL 3.*none/, /nodejs\.org/],
  ])('%s', (_what, changes, reason, suggestion) => {
    const { addon: loaded, info } = loadOn(host(changes, untouchable))
    expect(loaded).toBeUndefined()
    expect(info).toMatchObject({ loaded: false, origin: 'none', tried: [] })
    expect(info.reason).toMatch(reason)
    expect(info.suggestions[0]).toMatch(suggestion)
  })
})

describe('what failed is explained', () => {
  test.each<[string, Candidate, RegExp, RegExp]>([
    [
      'an old glibc',
      fails('prebuilt', "/lib/libc.so.6: version `GLIBC_2.28' not found (required by /package/prebuilt.node)"),
      /GLIBC_2\.28/,
      /too old/,
    ],
    ['a Node without the symbols', fails('prebuilt', 'undefined symbol: SSL_CTX_new'), /SSL_CTX_new/, /nodejs\.org/],
    [
      'the permission model',
      fails('prebuilt', 'Cannot load native addon because loading addons is disabled.', 'ERR_DLOPEN_DISABLED'),
      /addons is disabled/,
      /--allow-addons/,
    ],
    [
      'a file of another version',
      candidate('prebuilt', () => ({ ...addon, version: '1.2.2' })),
      /built from 1\.2\.2, the package is 1\.2\.3/,
      /install the package again/,
    ],
    [
      'a foreign file',
      candidate('prebuilt', () => ({ hello: 'world' })),
      /not the addon of shared-ws/,
      /in an installed/,
    ],
    ['nothing shipped', missing('prebuilt'), /no binary for linux-x64 was found/, /in an installed package/],
  ])('%s', (_what, prebuilt, reason, suggestion) => {
    const { addon: loaded, info } = loadOn(host({}, [prebuilt, missing('local')]))
    expect(loaded).toBeUndefined()
    expect(info.loaded).toBe(false)
    expect(info.reason).toMatch(reason)
    expect(info.tried.map(({ path }) => path)).toEqual(['/package/prebuilt.node', '/package/local.node'])
    expect(info.tried[1]?.error).toBe('the file is not there')
    expect(info.suggestions[0]).toMatch(suggestion)
    expect(info.suggestions).toContainEqual(expect.stringContaining('npm ci'))
  })

  test('musl', () => {
    const { info } = loadOn(host({ isMusl: () => true }, [...untouchable, missing('local')]))
    expect(info.reason).toMatch(/need glibc/)
    expect(info.suggestions[0]).toMatch(/node:22-slim/)
  })

  test('a platform that nothing is shipped for', () => {
    const { info } = loadOn(host({ platform: 'darwin', arch: 'arm64' }, [missing('local')]))
    expect(info.reason).toBe('no binary is shipped for darwin-arm64, and none was built here')
    expect(info.suggestions[0]).toMatch(/in a clone: run npm ci/)
  })

  test('a missing dependency of the file is not taken for a missing file', () => {
    const here = { ...fails('prebuilt', "Cannot find module 'x'", 'MODULE_NOT_FOUND'), path: import.meta.filename }
    expect(loadOn(host({}, [here])).info.reason).toBe("Cannot find module 'x'")
  })

  test('the loader never throws, whatever the host does', () => {
    const candidates = () => {
      throw new TypeError('Invalid URL')
    }
    const { info } = loadOn(host({ candidates }))
    expect(info.reason).toBe('the loader failed: Invalid URL')
    expect(info.suggestions[0]).toMatch(/bundled/)
  })
})

describe('in this process', () => {
  test('the answer is given once, and frozen', () => {
    const load = loadNative()
    expect(loadNative()).toBe(load)
    expect(nativeInfo()).toBe(load.info)
    const { info } = load
    expect([info, info.tried, info.suggestions, ...info.tried].every((part) => Object.isFrozen(part))).toBe(true)
  })

  test('the addon is loaded where it was built, and a reason is given where it was not', () => {
    const { addon: loaded, info } = loadNative()
    expect(info.loaded).toBe(loaded !== undefined)
    expect(info.reason).not.toBe('')
    if (loaded === undefined) expect(info.suggestions).not.toEqual([])
    else expect(info).toMatchObject({ version: loaded.version, simd: loaded.simd })
  })
})
