import { wsTransport } from '../../src/transport/ws.ts'
import { conformanceOf } from './socket-subject.ts'

conformanceOf(wsTransport)
