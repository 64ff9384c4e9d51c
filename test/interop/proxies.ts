import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tlsFixture } from '../support/raw-server.ts'
import { PATIENCE_MS, ServerProgram } from './server-program.ts'

/** A proxy: nginx and haproxy end TLS for a plain server on this machine, squid and dante lead wherever they are asked to. */
export interface RunningProxy {
  readonly port: number
  stop(): Promise<void>
}

type Configuration = (
  directory: string,
  port: number,
  upstreamPort: number,
  silenceS: number,
) => { file: string; argv: string[] }

type Start = (upstreamPort: number, silenceS: number) => Promise<RunningProxy>

export const startNginx: Start = (...where) => startProxy('nginx', nginx, ...where)
export const startHaproxy: Start = (...where) => startProxy('haproxy', haproxy, ...where)

/** CONNECT, with user `me` and password `s3cret`. `secure`: over TLS, as `localhost`. */
export const startSquid = (secure: boolean): Promise<RunningProxy> =>
  startProxy('squid', secure ? tlsSquid : squid, 0, 0)
/** SOCKS 5, without authentication. */
export const startDante = (): Promise<RunningProxy> => startProxy('danted', dante, 0, 0)

/**
 * nginx cuts a connection that is silent for 60 s (`proxy_read_timeout`), with TCP alone: no CLOSE, so 1006. What must stay
 * needs heartbeats or another setting. Without the two headers it forwards a plain GET, and the upgrade fails.
 */
const nginx: Configuration = (directory, port, upstreamPort, silenceS) => ({
  file: `
    daemon off;
    master_process off;
    error_log stderr warn;
    pid ${directory}/pid;
    events { worker_connections 256; }
    http {
      access_log off;
      client_body_temp_path ${directory}/body;
      proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi;
      scgi_temp_path ${directory}/scgi;
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${directory}/cert.pem;
        ssl_certificate_key ${directory}/key.pem;
        location / {
          proxy_pass http://127.0.0.1:${upstreamPort};
          proxy_http_version 1.1;
          proxy_read_timeout ${silenceS}s;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }
    }`,
  argv: ['-p', directory, '-e', 'stderr', '-c', `${directory}/configuration`],
})

/** haproxy goes over to `timeout tunnel` with the 101, which nginx has no word for; a silent tunnel is cut as there. */
const haproxy: Configuration = (directory, port, upstreamPort, silenceS) => ({
  file: `
    global
      maxconn 256
    defaults
      mode http
      timeout connect 5s
      timeout client 30s
      timeout server 30s
      timeout tunnel ${silenceS}s
    frontend tls
      bind 127.0.0.1:${port} ssl crt ${directory}/both.pem
      default_backend plain
    backend plain
      server one 127.0.0.1:${upstreamPort}
`,
  argv: ['-db', '-q', '-f', `${directory}/configuration`],
})

const SQUID_AUTHENTICATION = '/usr/lib/squid/basic_ncsa_auth'
/** `openssl passwd -apr1 -salt sharedws s3cret` */
const SQUID_USERS = 'me:$apr1$sharedws$0x1lS/cUM.E7yL1k3gnNc/\n'

const squidThat =
  (listens: (directory: string, port: number) => string): Configuration =>
  (directory, port) => {
    writeFileSync(`${directory}/users`, SQUID_USERS)
    return {
      file: `
        ${listens(directory, port)}
        pid_filename none
        cache deny all
        cache_mem 1 MB
        access_log none
        cache_log /dev/stderr
        coredump_dir ${directory}
        visible_hostname proxy.test
        pinger_enable off
        shutdown_lifetime 0 seconds
        auth_param basic program ${SQUID_AUTHENTICATION} ${directory}/users
        auth_param basic children 1
        acl known proxy_auth REQUIRED
        http_access allow known
        http_access deny all
`.replaceAll(/^ +/gm, ''),
      argv: ['-N', '-f', `${directory}/configuration`],
    }
  }

const squid = squidThat((_, port) => `http_port 127.0.0.1:${port}`)
const tlsSquid = squidThat(
  (directory, port) => `https_port 127.0.0.1:${port} tls-cert=${directory}/cert.pem tls-key=${directory}/key.pem`,
)

const dante: Configuration = (directory, port) => ({
  file: `
    logoutput: stderr
    internal: 127.0.0.1 port = ${port}
    external: 127.0.0.1
    clientmethod: none
    socksmethod: none
    user.unprivileged: nobody
    client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
    socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`,
  argv: ['-f', `${directory}/configuration`, '-p', `${directory}/pid`],
})

async function startProxy(
  command: string,
  configuration: Configuration,
  upstreamPort: number,
  silenceS: number,
): Promise<RunningProxy> {
  const directory = mkdtempSync(`${tmpdir()}/shared-ws-${command}-`)
  // squid and dante go on as another user.
  chmodSync(directory, 0o755)
  const port = await freePort()
  const { cert, key } = tlsFixture('localhost')
  writeFileSync(`${directory}/cert.pem`, cert)
  writeFileSync(`${directory}/key.pem`, key)
  writeFileSync(`${directory}/both.pem`, `${cert}\n${key}`)
  const { file, argv } = configuration(directory, port, upstreamPort, silenceS)
  writeFileSync(`${directory}/configuration`, file)
  const tied = fileURLToPath(new URL('./servers/tied.mjs', import.meta.url))
  const program = new ServerProgram(process.execPath, [tied, command, ...argv])
  const stop = async (): Promise<void> => {
    await program.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await listening(command, port, program)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}

/** Until somebody accepts on `port`. */
async function listening(command: string, port: number, program: ServerProgram): Promise<void> {
  const LOOK_MS = 20
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    if (await accepts(port)) return
    await sleep(LOOK_MS)
  }
  throw new Error(`${command} does not listen:\n${program.stderr}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe: Server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
