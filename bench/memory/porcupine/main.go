// Checks a history of compare-and-sets with Porcupine: one key is one register whose state is its
// version. Reads the JSON lines that `bench.memory` writes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type call struct {
	Process  int    `json:"process"`
	Key      string `json:"key"`
	Expect   int    `json:"expect"`
	Value    string `json:"value"`
	Result   string `json:"result"`
	Version  int    `json:"version"`
	CallNs   int64  `json:"call_ns"`
	ReturnNs int64  `json:"return_ns"`
}

// One key: the state is the version that is there.
var register = porcupine.Model{
	Init: func() interface{} { return 0 },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		version, asked := state.(int), input.(call)
		switch asked.Result {
		case "ok":
			return version == asked.Expect && asked.Version == asked.Expect+1, asked.Expect + 1
		case "conflict":
			return version == asked.Version && version != asked.Expect, version
		case "unknown": // it may have been applied, or not
			if version == asked.Expect {
				return true, version + 1
			}
			return true, version
		}
		return false, version
	},
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer file.Close()
	byKey := map[string][]porcupine.Operation{}
	count := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var one call
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			panic(err)
		}
		if one.ReturnNs == 0 {
			one.ReturnNs = math.MaxInt64
		}
		count++
		byKey[one.Key] = append(byKey[one.Key], porcupine.Operation{
			ClientId: one.Process, Input: one, Output: nil, Call: one.CallNs, Return: one.ReturnNs,
		})
	}
	bad := 0
	for key, operations := range byKey {
		result := porcupine.CheckOperationsTimeout(register, operations, 5*time.Minute)
		if result != porcupine.Ok {
			fmt.Printf("%s: %s (%d calls)\n", key, result, len(operations))
			bad++
		}
	}
	fmt.Printf("%d calls on %d keys: %d keys not linearisable\n", count, len(byKey), bad)
	if bad > 0 {
		os.Exit(1)
	}
}
