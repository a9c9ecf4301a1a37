// A Beam pipeline in Go that reads a DIS stream, makes its records upper case, and writes them to another, with beam_dis as
// an expansion service.
package main

import (
	"bytes"
	"context"
	"flag"
	"log"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/transforms/xlang/python"
)

var (
	expansion = flag.String("expansion", "localhost:8097", "the address of the expansion service")
	input     = flag.String("input", "", "the stream to read")
	output    = flag.String("output", "", "the stream to write to")
)

// Record is a row of format RAW. It is an alias, since Beam decodes rows of other languages as structs without a name.
type Record = struct {
	Payload []byte `beam:"payload"`
}

// ReadArguments are keys of ReadFromDIS.
type ReadArguments struct {
	Stream string `beam:"stream"`
	Format string `beam:"format"`
	Stop   string `beam:"stop"`
}

// WriteArguments are keys of WriteToDIS.
type WriteArguments struct {
	Stream string `beam:"stream"`
	Format string `beam:"format"`
}

func upper(record Record) Record {
	return Record{Payload: bytes.ToUpper(record.Payload)}
}

func init() {
	beam.RegisterFunction(upper)
}

// apply adds a transform of beam_dis.yaml to a pipeline.
func apply[K any](s beam.Scope, constructor string, kwargs K, inputs map[string]beam.PCollection, outputs map[string]typex.FullType) map[string]beam.PCollection {
	transform := python.NewExternalTransform[struct{}, K](constructor)
	transform.WithKwargs(kwargs)
	payload := beam.CrossLanguagePayload(transform)
	return beam.CrossLanguage(s, "beam:transforms:python:fully_qualified_named", payload, *expansion, inputs, outputs)
}

func main() {
	flag.Parse()
	beam.Init()
	p, s := beam.NewPipelineWithRoot()
	records := apply(s, "beam_dis.yaml.read_from_dis", ReadArguments{Stream: *input, Format: "RAW", Stop: "latest"}, nil,
		beam.UnnamedOutput(typex.New(reflect.TypeFor[Record]())))[beam.UnnamedOutputTag()]
	changed := beam.ParDo(s, upper, records)
	apply(s, "beam_dis.yaml.write_to_dis", WriteArguments{Stream: *output, Format: "RAW"}, beam.UnnamedInput(changed),
		map[string]typex.FullType{"done": typex.New(reflect.TypeFor[[]byte]())})
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
}
