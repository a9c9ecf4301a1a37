import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;

/**
 * A program that does a step for each line of standard input, and writes its answer as a line of JSON.
 *
 * A step is {"open": {setting: text}}, which makes a new client, or {"call": name, "request": value}. An answer is
 * {"result": value} or {"error": class of the exception, "message": its text}.
 */
interface Steps {
  ObjectMapper JSON = new ObjectMapper().disable(SerializationFeature.FAIL_ON_EMPTY_BEANS);

  /** Makes a client, which the next calls use. */
  void open(JsonNode settings);

  /** Calls it, and returns the result: a value, or an object with getters. */
  Object call(String name, JsonNode request) throws Exception;

  /** Does all steps and ends the program, whose other threads would keep it running. */
  default void run() throws IOException {
    BufferedReader steps = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = steps.readLine(); line != null; line = steps.readLine()) {
      System.out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
    }
    System.exit(0);
  }

  private ObjectNode answer(JsonNode step) {
    ObjectNode answer = JSON.createObjectNode();
    try {
      if (step.has("open")) {
        open(step.get("open"));
        return answer.putNull("result");
      }
      return answer.set("result", JSON.valueToTree(call(step.get("call").asText(), step.get("request"))));
    } catch (Exception failed) {
      Throwable cause = failed instanceof InvocationTargetException ? failed.getCause() : failed;
      return answer.put("error", cause.getClass().getSimpleName()).put("message", cause.getMessage());
    }
  }
}
