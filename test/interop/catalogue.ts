import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startHaproxy, startNginx } from './proxies.ts'
import { ServerProgram } from './server-program.ts'

/** What a server's library can do and tell. Where it cannot, the test that asks for it is not there, and this is why. */
export interface Traits {
  /** How it answers offers of permessage-deflate; undefined: it has none. */
  readonly deflate: DeflateAnswers | undefined
  /** Its API sends a message in several frames. */
  readonly fragments: boolean
  /** It tells of pings that it has answered. */
  readonly tellsPings: boolean
  /** The code it answers a CLOSE with, where it is not the one received (RFC 6455 5.5.1 lets it be another). */
  readonly answersCloseWith?: number
  /** The largest message it can send for certain. */
  readonly maxSentBytes?: number
  readonly tls?: boolean
}

/** `Sec-WebSocket-Extensions` of its answer, or the code with which we refuse that. */
export interface DeflateAnswers {
  /** To an offer that asks nothing of it. */
  readonly plain: string
  /** To no context takeover, both ways. */
  readonly single: string
  /** To windows of 10 bits, both ways. */
  readonly small: string
}

export interface InteropServer {
  readonly name: string
  /** In CI; the rest with `--all`. */
  readonly ci: boolean
  readonly traits: Traits
  /** Why it cannot run here, and the command that helps; undefined when it can. */
  missing(): string | undefined
  start(how: StartOptions): Promise<RunningServer>
}

export interface StartOptions {
  readonly deflate?: boolean
  /** After how many s a proxy cuts a connection that is silent. Default 60, as is theirs. */
  readonly silenceS?: number
}

export interface RunningServer {
  readonly url: string
  readonly program: ServerProgram
  stop(): Promise<void>
}

const SINGLE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
const DEFLATE: DeflateAnswers = {
  plain: 'permessage-deflate',
  single: SINGLE,
  small: 'permessage-deflate; server_max_window_bits=10; client_max_window_bits=10',
}
/** In the other order, which is the same. */
const SMALL = 'permessage-deflate; client_max_window_bits=10; server_max_window_bits=10'

const EVERYTHING: Traits = { deflate: DEFLATE, fragments: true, tellsPings: true }

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export const SERVERS: readonly InteropServer[] = [
  {
    name: 'ws',
    ci: true,
    traits: EVERYTHING,
    missing: () => undefined,
    start: ({ deflate }) => startNode('ws.mjs', deflate),
  },
  {
    name: 'aiohttp',
    ci: true,
    traits: {
      ...EVERYTHING,
      // It has no public way to send a fragment.
      fragments: false,
      answersCloseWith: 1000,
      // It says nothing about our side, which keeps what it has offered (RFC 7692 7.1.1.2, 7.1.2.2).
      deflate: {
        plain: 'permessage-deflate',
        single: 'permessage-deflate; server_no_context_takeover',
        small: 'permessage-deflate; server_max_window_bits=10',
      },
    },
    missing: () => missingPython('aiohttp'),
    start: ({ deflate }) => startPython('aiohttp', deflate),
  },
  {
    name: 'gorilla',
    ci: true,
    // Each message by itself is all it knows: it takes an offer that asks for a smaller window, and then ignores that.
    traits: { ...EVERYTHING, deflate: { plain: SINGLE, single: SINGLE, small: 'ERR_UPGRADE_DEFLATE_IGNORED' } },
    missing: () => gorilla.missing(),
    start: async ({ deflate }) => started(new ServerProgram(gorilla.binary(), deflate ? ['--deflate'] : [])),
  },
  behind('nginx', 'nginx', 'nginx-light', startNginx, true),
  {
    name: 'uWebSockets.js',
    ci: false,
    // Its JavaScript API has no call for fragments. What the kernel does not take at once (2 to 4 MiB on loopback) this
    // build forgets to send, to a client of `ws` as well.
    // Its compressor keeps its context, whatever is asked for.
    traits: {
      ...EVERYTHING,
      fragments: false,
      maxSentBytes: 65_536,
      deflate: { ...DEFLATE, single: 'ERR_UPGRADE_DEFLATE_IGNORED', small: SMALL },
    },
    missing: () => missingPackage('uWebSockets.js'),
    start: ({ deflate }) => startNode('uws.mjs', deflate),
  },
  {
    name: 'faye-websocket',
    ci: false,
    traits: { ...EVERYTHING, fragments: false, tellsPings: false },
    missing: () => missingPackage('faye-websocket'),
    start: ({ deflate }) => startNode('faye.mjs', deflate),
  },
  {
    name: 'websocket',
    ci: false,
    traits: { ...EVERYTHING, deflate: undefined, answersCloseWith: 1000 },
    missing: () => missingPackage('websocket'),
    start: ({ deflate }) => startNode('websocket.mjs', deflate),
  },
  {
    name: 'python websockets',
    ci: false,
    // Windows of 12 bits are its own wish.
    traits: {
      ...EVERYTHING,
      tellsPings: false,
      deflate: {
        plain: 'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12',
        single: `${SINGLE}; server_max_window_bits=12; client_max_window_bits=12`,
        small: DEFLATE.small,
      },
    },
    missing: () => missingPython('websockets'),
    start: ({ deflate }) => startPython('websockets', deflate),
  },
  {
    name: 'tornado',
    ci: false,
    // Its compressor keeps its context unless the server is configured otherwise, whatever is asked for.
    traits: {
      ...EVERYTHING,
      fragments: false,
      deflate: { ...DEFLATE, single: 'ERR_UPGRADE_DEFLATE_IGNORED', small: SMALL },
    },
    missing: () => missingPython('tornado'),
    start: ({ deflate }) => startPython('tornado', deflate),
  },
  behind('haproxy', 'haproxy', 'haproxy', startHaproxy, false),
]

/** `ws`, behind a proxy that ends TLS. */
function behind(name: string, command: string, debian: string, start: typeof startNginx, ci: boolean): InteropServer {
  return {
    name: `${name}, in front of ws`,
    ci,
    traits: { ...EVERYTHING, tls: true },
    missing: () => (runs(command, ['-v']) ? undefined : `${command} is not installed: apt-get install ${debian}`),
    async start({ deflate, silenceS = 60 }) {
      const server = await startNode('ws.mjs', deflate)
      try {
        const proxy = await start(Number(new URL(server.url).port), silenceS)
        const stop = async (): Promise<void> => {
          await proxy.stop()
          await server.stop()
        }
        return { url: `wss://localhost:${proxy.port}/`, program: server.program, stop }
      } catch (error) {
        await server.stop()
        throw error
      }
    },
  }
}

const gorilla = {
  source: here('./servers/gorilla.go'),
  cached: here('../../.cache/interop/gorilla'),

  missing(): string | undefined {
    const there = runs('go', ['version']) && existsSync('/usr/share/gocode/src/github.com/gorilla/websocket')
    return there
      ? undefined
      : 'gorilla/websocket is not installed: apt-get install golang-go golang-github-gorilla-websocket-dev'
  },

  /** Built from Debian's sources, without network and without modules; kept until the program changes. */
  binary(): string {
    const built = statSync(this.cached, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (built > statSync(this.source).mtimeMs) return this.cached
    const directory = here('../../.cache/interop/')
    mkdirSync(directory, { recursive: true })
    const fresh = `${this.cached}-${process.pid}`
    const env = {
      ...process.env,
      GO111MODULE: 'off',
      GOFLAGS: '',
      GOPATH: '/usr/share/gocode',
      GOCACHE: `${directory}go`,
    }
    const { status, stderr } = spawnSync('go', ['build', '-o', fresh, this.source], { env, encoding: 'utf8' })
    if (status !== 0) throw new Error(`gorilla.go could not be built:\n${stderr}`)
    renameSync(fresh, this.cached)
    return this.cached
  },
}

function startNode(file: string, deflate = false): Promise<RunningServer> {
  return started(new ServerProgram(process.execPath, [here(`./servers/${file}`), ...(deflate ? ['--deflate'] : [])]))
}

function startPython(module: string, deflate = false): Promise<RunningServer> {
  const argv = ['-u', here(`./servers/${module}_server.py`), ...(deflate ? ['--deflate'] : [])]
  return started(new ServerProgram(pythonWith(module) as string, argv))
}

async function started(program: ServerProgram): Promise<RunningServer> {
  try {
    const { port } = await program.line('listening', ({ event }) => event === 'listening')
    return { url: `ws://127.0.0.1:${port}/`, program, stop: () => program.stop() }
  } catch (error) {
    await program.stop()
    throw error
  }
}

/** Debian's Python has Debian's packages; another one may come first in PATH. */
function pythonWith(module: string): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((python) => runs(python, ['-c', `import ${module}`]))
}

function missingPython(module: string): string | undefined {
  if (pythonWith(module) !== undefined) return undefined
  return `no Python here has ${module}: apt-get install python3-${module}`
}

function missingPackage(name: string): string | undefined {
  if (runs(process.execPath, ['--input-type=module', '-e', `await import('${name}')`])) return undefined
  return `${name} does not load here (npm ci installs it; it may have no binary for this Node)`
}

function runs(command: string, argv: readonly string[]): boolean {
  return spawnSync(command, argv, { stdio: 'ignore', cwd: here('.') }).status === 0
}
