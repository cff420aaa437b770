using System.Net.Sockets;
using System.Text;

namespace ModelFs.Testing.Http;

/// <summary>One request, and the connection to answer it on.</summary>
public sealed class RawExchange(RawRequest request, Stream stream, Socket socket)
{
    public RawRequest Request => request;

    /// <summary>Whether another request may follow on the connection.</summary>
    public bool KeepAlive { get; set; }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await stream.WriteAsync(bytes);

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public Task SendHeadAsync(int status, string reason, IEnumerable<KeyValuePair<string, string>> headers)
    {
        var head = new StringBuilder().Append("HTTP/1.1 ").Append(status).Append(' ').Append(reason).Append("\r\n");
        foreach (var (name, value) in headers) head.Append(name).Append(": ").Append(value).Append("\r\n");
        return SendAsync(Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()));
    }

    /// <summary>A whole answer, with its length.</summary>
    public async Task RespondAsync(int status, string body, string type = "application/json", params (string Name, string Value)[] headers)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        await RespondAsync(status, bytes, [("Content-Type", type), .. headers]);
    }

    public async Task RespondAsync(int status, byte[] body, params (string Name, string Value)[] headers)
    {
        (string Name, string Value)[] all = [.. headers, ("Content-Length", $"{body.Length}"), ("Connection", "close")];
        await SendHeadAsync(status, "Scripted", all.Select(header => KeyValuePair.Create(header.Name, header.Value)));
        if (request.Method != "HEAD") await SendAsync(body);
    }

    /// <summary>Ends the connection with a reset, in the middle of whatever was sent.</summary>
    public void Cut()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }
}
