// Operations calls operations of the Go SDK: it reads a step from each line of standard input and writes its answer as a line
// of JSON.
//
// A step is {"open": {"endpoint": …, "access_key": …, "secret_key": …, "project_id": …}}, which makes a new client, or
// {"call": method of DisClient, "request": value}. Without a method the result is their names. Requests and results are the SDK's own structs, written with the names of
// their tags. An answer is {"result": value} or {"error": code, "message": text}, both with the answer's HTTP status.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer/algorithm"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/region"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	dis "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/dis/v2"
)

const longestLine = 16 << 20

type settings struct {
	Endpoint      string `json:"endpoint"`
	AccessKey     string `json:"access_key"`
	SecretKey     string `json:"secret_key"`
	SecurityToken string `json:"security_token"`
	ProjectID     string `json:"project_id"`
	// Derived is the region for which a key is derived; without it the secret key itself signs.
	Derived string `json:"derived"`
	// Algorithm is the name of a signing algorithm other than the default.
	Algorithm string `json:"algorithm"`
}

type step struct {
	Open    *settings       `json:"open"`
	Call    string          `json:"call"`
	Request json.RawMessage `json:"request"`
}

type answer struct {
	Result  any    `json:"result"`
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	answers := json.NewEncoder(os.Stdout)
	var client *dis.DisClient
	for lines.Scan() {
		var asked step
		err := json.Unmarshal(lines.Bytes(), &asked)
		var result any
		if err == nil && asked.Open != nil {
			client, err = opened(*asked.Open)
		} else if err == nil {
			result, err = called(client, asked)
		}
		if err = answers.Encode(answerOf(result, err)); err != nil {
			panic(err)
		}
	}
}

func opened(with settings) (*dis.DisClient, error) {
	credentials := basic.NewCredentialsBuilder().
		WithAk(with.AccessKey).
		WithSk(with.SecretKey).
		WithSecurityToken(with.SecurityToken).
		WithProjectId(with.ProjectID)
	builder := dis.DisClientBuilder().WithEndpoint(with.Endpoint)
	if with.Derived != "" {
		credentials.WithDerivedPredicate(func(*request.DefaultHttpRequest) bool { return true })
		builder.WithDerivedAuthServiceName("dis").WithRegion(region.NewRegion(with.Derived, with.Endpoint))
	}
	if with.Algorithm != "" {
		algorithm := algorithm.SigningAlgorithm(with.Algorithm)
		builder.WithHttpConfig(config.DefaultHttpConfig().WithSigningAlgorithm(algorithm))
	}
	built, err := credentials.SafeBuild()
	if err != nil {
		return nil, err
	}
	http, err := builder.WithCredential(built).SafeBuild()
	if err != nil {
		return nil, err
	}
	return dis.NewDisClient(http), nil
}

func called(client *dis.DisClient, asked step) (any, error) {
	if asked.Call == "" {
		return operations(), nil
	}
	method := reflect.ValueOf(client).MethodByName(asked.Call)
	if !method.IsValid() {
		return nil, fmt.Errorf("DisClient has no method %s", asked.Call)
	}
	request := reflect.New(method.Type().In(0).Elem())
	if err := json.Unmarshal(asked.Request, request.Interface()); err != nil {
		return nil, err
	}
	results := method.Call([]reflect.Value{request})
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return results[0].Interface(), nil
}

func operations() []string {
	client := reflect.TypeFor[*dis.DisClient]()
	names := []string{}
	for number := range client.NumMethod() {
		names = append(names, client.Method(number).Name)
	}
	return names
}

func answerOf(result any, err error) answer {
	var refused *sdkerr.ServiceResponseError
	if errors.As(err, &refused) {
		return answer{Error: refused.ErrorCode, Message: refused.ErrorMessage, Status: refused.StatusCode}
	}
	if err != nil {
		return answer{Error: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	done := answer{Result: result}
	if response := reflect.ValueOf(result); response.Kind() == reflect.Pointer {
		done.Status = int(response.Elem().FieldByName("HttpStatusCode").Int())
	}
	return done
}
