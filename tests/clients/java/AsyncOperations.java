import com.fasterxml.jackson.databind.JsonNode;
import com.huaweicloud.dis.DISAsync;
import com.huaweicloud.dis.DISClientAsync;
import com.huaweicloud.dis.DISClientAsync2;
import com.huaweicloud.dis.DISConfig;
import com.huaweicloud.dis.core.handler.AsyncHandler;
import com.huaweicloud.dis.http.exception.RestClientResponseException;
import java.io.IOException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Calls asynchronous operations of the Java SDK by the names of its methods, once for each request of a list, all at the same time.
 *
 * The setting "client" names the class: DISClientAsync has threads, DISClientAsync2 has connections that don't block. The result is
 * the list of what the handlers got. The futures aren't used, because those of DISClientAsync2 fail for deletions that are done.
 */
public class AsyncOperations implements Steps {
  private DISAsync client;

  public static void main(String[] arguments) throws IOException {
    new AsyncOperations().run();
  }

  @Override
  public void open(JsonNode settings) {
    DISConfig config = new DISConfig();
    settings.fields().forEachRemaining(setting -> config.set(setting.getKey(), setting.getValue().asText()));
    boolean hasThreads = settings.get("client").asText().equals("DISClientAsync");
    client = hasThreads ? new DISClientAsync(config) : new DISClientAsync2(config);
  }

  @Override
  public Object call(String name, JsonNode requests) throws Exception {
    Method method = method(name);
    List<Handler> handlers = new ArrayList<>();
    for (JsonNode request : requests) {
      Handler handler = new Handler();
      method.invoke(client, JSON.convertValue(request, method.getParameterTypes()[0]), handler);
      handlers.add(handler);
    }
    List<Object> results = new ArrayList<>();
    for (Handler handler : handlers) {
      results.add(handler.result());
    }
    return results;
  }

  private static Method method(String name) throws NoSuchMethodException {
    for (Method method : DISAsync.class.getMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == 2) {
        return method;
      }
    }
    throw new NoSuchMethodException(name);
  }

  private static class Handler implements AsyncHandler<Object> {
    private final CompletableFuture<Object> answer = new CompletableFuture<>();

    @Override
    public void onSuccess(Object result) {
      answer.complete(result);
    }

    @Override
    public void onError(Exception failure) {
      answer.completeExceptionally(failure);
    }

    Object result() throws Exception {
      try {
        return answer.get(60, TimeUnit.SECONDS);
      } catch (ExecutionException failed) {
        if (failed.getCause() instanceof RestClientResponseException refused) {
          throw new IOException(refused.getResponseBodyAsString());
        }
        throw new IOException(failed.getCause().getMessage());
      }
    }
  }
}
