// The same as disk_client.c, in Go: no libc, calls made by the runtime's own threads.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var names = map[syscall.Errno]string{
	syscall.EIO: "EIO", syscall.ENOSPC: "ENOSPC", syscall.EDQUOT: "EDQUOT",
}

func main() {
	file, err := os.OpenFile(os.Args[1], os.O_RDWR|os.O_CREATE, 0666)
	if err != nil {
		panic(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	figures := map[string]float64{"short": 0}
	bytes := make([]byte, 1000)
	fd := int(file.Fd())
	fmt.Println("ready")
	for turn := 0; len(stop) == 0; turn++ {
		began, kind, written := time.Now(), "write", 1000
		switch turn % 8 {
		case 5:
			kind, err = "sync", syscall.Fsync(fd)
		case 6:
			kind, err = "truncate", syscall.Truncate(os.Args[1], 500)
		case 7:
			kind, err = "truncate", syscall.Ftruncate(fd, 700)
		default:
			written, err = syscall.Pwrite(fd, bytes, 0)
		}
		if took := time.Since(began).Seconds(); took > figures["longest_s"] {
			figures["longest_s"] = took
		}
		if err != nil {
			figures[kind+" "+names[err.(syscall.Errno)]]++
		} else if written < 1000 {
			figures["short"]++
		}
		time.Sleep(time.Millisecond)
	}
	line, _ := json.Marshal(figures)
	fmt.Println(string(line))
}
