// gorilla/websocket. Has no limit on messages unless one is set, and flate without context takeover is all that it
// negotiates.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const fragmentBytes = 4096

var (
	deflate  = len(os.Args) > 1 && os.Args[1] == "--deflate"
	lines    = json.NewEncoder(os.Stdout)
	mutex    sync.Mutex
	upgrader = websocket.Upgrader{
		Subprotocols:      []string{"interop.v2"},
		EnableCompression: deflate,
		WriteBufferSize:   fragmentBytes,
		CheckOrigin:       func(*http.Request) bool { return true },
	}
)

type line map[string]interface{}

func say(what line) {
	mutex.Lock()
	defer mutex.Unlock()
	if err := lines.Encode(what); err != nil {
		os.Exit(1)
	}
}

func echo(response http.ResponseWriter, request *http.Request) {
	peer, err := upgrader.Upgrade(response, request, nil)
	if err != nil {
		return
	}
	defer peer.Close()
	client := request.URL.Query().Get("client")
	say(line{"event": "open", "client": client, "subprotocol": peer.Subprotocol()})
	peer.SetPingHandler(func(payload string) error {
		say(line{"event": "ping", "client": client, "payload": hex.EncodeToString([]byte(payload))})
		return peer.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
	})
	peer.SetPongHandler(func(payload string) error {
		say(line{"event": "pong", "client": client, "payload": hex.EncodeToString([]byte(payload))})
		return nil
	})
	for {
		kind, message, err := peer.ReadMessage()
		if err != nil {
			code, reason := websocket.CloseAbnormalClosure, ""
			if closed, ok := err.(*websocket.CloseError); ok {
				code, reason = closed.Code, closed.Text
				// io.EOF is told as 1006 too, with that as its text.
				if code == websocket.CloseAbnormalClosure {
					reason = ""
				}
			}
			say(line{"event": "close", "client": client, "code": code, "reason": reason})
			return
		}
		if kind == websocket.TextMessage && len(message) > 0 && message[0] == '!' {
			run(peer, strings.Split(string(message[1:]), " "))
		} else if err := peer.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

func run(peer *websocket.Conn, words []string) {
	soon := time.Now().Add(time.Second)
	switch words[0] {
	case "close":
		code, _ := strconv.Atoi(words[1])
		frame := websocket.FormatCloseMessage(code, strings.Join(words[2:], " "))
		peer.WriteControl(websocket.CloseMessage, frame, soon)
	case "ping":
		peer.WriteControl(websocket.PingMessage, []byte(strings.Join(words[1:], " ")), soon)
	case "fragments":
		// A frame leaves whenever the write buffer is full.
		total, _ := strconv.Atoi(words[2])
		writer, err := peer.NextWriter(websocket.BinaryMessage)
		if err != nil {
			return
		}
		buffered := bufio.NewWriterSize(writer, 1024)
		for i := 0; i < total; i++ {
			buffered.WriteByte(byte(i % 251))
		}
		buffered.Flush()
		writer.Close()
	case "abort":
		if tcp, ok := peer.UnderlyingConn().(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		peer.UnderlyingConn().Close()
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	say(line{"event": "listening", "port": listener.Addr().(*net.TCPAddr).Port})
	http.HandleFunc("/", echo)
	go http.Serve(listener, nil)
	io.Copy(io.Discard, os.Stdin)
}
