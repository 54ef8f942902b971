// A client of the control socket that knows nothing but the interface description that the socket
// itself gave: the package orgfd2control is generated from it. Prints one fact a line.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/varlink/go/varlink"

	"orgfd2control"
)

func must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	connection, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	must(err)
	defer connection.Close()

	var vendor, product, version, url string
	var interfaces []string
	must(connection.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces))
	fmt.Println("interfaces:", interfaces)

	host, channels, err := orgfd2control.List().Call(ctx, connection)
	must(err)
	fmt.Println("list:", host.Kind, host.Command, len(channels), channels[0].Backend, channels[0].State)

	count, follow := int64(1), true
	next, err := orgfd2control.Tail().Send(ctx, connection, varlink.More, nil, &count, &follow)
	must(err)
	lines, lost, flags, err := tail(next, ctx)
	must(err)
	fmt.Println("tail:", lines[0].Text, lost, flags&varlink.Continues != 0)

	// That connection is taken by the lines that follow.
	other, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	must(err)
	defer other.Close()
	to := "tokio-like-async"
	moved, kept, err := orgfd2control.Swap().Call(ctx, other, nil, &to, nil)
	must(err)
	fmt.Println("swap:", len(moved), moved[0].From, moved[0].To, len(kept))

	nowhere := int64(4711)
	_, _, err = orgfd2control.Swap().Call(ctx, other, &nowhere, nil, nil)
	unknown, is := err.(*orgfd2control.NoSuchChannel)
	fmt.Println("no such channel:", is && unknown.Channel == nowhere)

	changes, _, _, err := orgfd2control.Reload().Call(ctx, other)
	must(err)
	fmt.Println("reload:", len(changes))
}

func tail(next func(context.Context) ([]orgfd2control.Line, int64, bool, uint64, error),
	ctx context.Context) ([]orgfd2control.Line, int64, uint64, error) {
	lines, lost, _, flags, err := next(ctx)
	return lines, lost, flags, err
}
