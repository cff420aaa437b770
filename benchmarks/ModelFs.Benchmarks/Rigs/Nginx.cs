using System.Globalization;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>
/// The server of all contestants: Debian's nginx, one process with <c>sendfile</c>. MLflow's answers are files too, so that a registry
/// costs what a file server costs.
/// </summary>
internal sealed class Nginx : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private readonly Child child;
    private readonly string log;
    private readonly HttpClient client = new();

    private Nginx(Child child, string log, int port)
    {
        (this.child, this.log) = (child, log);
        Port = port;
        Uri = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));
    }

    public int Port { get; }

    public Uri Uri { get; }

    /// <param name="directory">For its own files, on a disk.</param>
    public static async Task<Nginx> StartAsync(Origin origin, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        var port = Ports.Free();
        var configuration = Path.Combine(directory, "nginx.conf");
        var log = Path.Combine(directory, "access.log");
        await File.WriteAllTextAsync(configuration, Configuration(origin.Directory, directory, log, port), cancellation);
        var nginx = new Nginx(Child.Start(Tool.Nginx.Path, "-c", configuration, "-p", directory, "-e", Path.Combine(directory, "error.log")), log, port);
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(StartTimeout);
            while (await nginx.WritingAsync(limit.Token) is null)
            {
                if (nginx.child.HasEnded)
                    throw await nginx.child.FailureAsync();
                await Task.Delay(10, limit.Token);
            }

            return nginx;
        }
        catch
        {
            await nginx.DisposeAsync();
            throw;
        }
    }

    public double CpuSeconds() => child.CpuSeconds();

    /// <summary>Bytes of bodies sent since the start, of files alone, once nothing is being sent any more.</summary>
    public async Task<long> SentAsync(CancellationToken cancellation)
    {
        // Itself is the one that is being answered.
        while (await WritingAsync(cancellation) is not 1)
            await Task.Delay(20, cancellation);
        return File.ReadLines(log).Select(line => line.Split(' ')).Where(fields => fields[0] == "file")
            .Sum(fields => long.Parse(fields[1], CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await child.DisposeAsync();
    }

    /// <returns>Answers that are being sent; null where nobody listens.</returns>
    private async Task<int?> WritingAsync(CancellationToken cancellation)
    {
        try
        {
            var words = (await client.GetStringAsync(new Uri(Uri, "/status"), cancellation)).Split(' ', '\n');
            return int.Parse(words[Array.IndexOf(words, "Writing:") + 1], CultureInfo.InvariantCulture);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static string Configuration(string origin, string directory, string log, int port) => $$"""
        daemon off;
        master_process off;
        pid {{directory}}/nginx.pid;
        events { worker_connections 4096; }
        http {
          log_format bytes '$kind $body_bytes_sent $status $request_uri';
          map $uri $kind { ~^/files/ file; ~^/model-versions/get-artifact file; ~/mlflow-artifacts/artifacts/ file; default api; }
          access_log {{log}} bytes;
          sendfile on;
          tcp_nopush on;
          keepalive_requests 1000000;
          keepalive_timeout 600;
          client_body_temp_path {{directory}}/body;
          proxy_temp_path {{directory}}/proxy;
          fastcgi_temp_path {{directory}}/fastcgi;
          uwsgi_temp_path {{directory}}/uwsgi;
          scgi_temp_path {{directory}}/scgi;
          types { }
          default_type application/octet-stream;
          server {
            listen 127.0.0.1:{{port}};
            location = /status { stub_status; access_log off; }
            location /files/ { alias {{origin}}/files/; autoindex on; }
            location = /model-versions/get-artifact { alias {{origin}}/files/$arg_name/$arg_path; }
            location ~ ^/api/2.0/mlflow-artifacts/artifacts/(.+)$ { alias {{origin}}/files/$1; }
            location /api/ { default_type application/json; }
            location = /api/2.0/mlflow-artifacts/artifacts { default_type application/json; alias {{origin}}/api/artifacts-$arg_path; }
            location = /api/2.0/mlflow/registered-models/search { default_type application/json; alias {{origin}}/api/registered-models-search; }
            location = /api/2.0/mlflow/model-versions/search { default_type application/json; alias {{origin}}/api/model-versions-search; }
            location = /api/2.0/mlflow/registered-models/get { default_type application/json; alias {{origin}}/api/registered-models-get-$arg_name; }
            location = /api/2.0/mlflow/model-versions/get { default_type application/json; alias {{origin}}/api/model-versions-get-$arg_name; }
            location = /api/2.0/mlflow/model-versions/get-download-uri { default_type application/json; alias {{origin}}/api/get-download-uri-$arg_name; }
          }
        }
        """;
}
