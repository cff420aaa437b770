using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace ModelFs.Demo;

/// <summary>Sends a file as MLflow's <c>get-artifact</c> does, with ranges, or as its artifact proxy does, without.</summary>
internal static class RangedFile
{
    private const int Chunk = 256 * 1024;

    public static Task SendAsync(HttpContext context, FileInfo file, Action<int> count)
    {
        var (request, response) = (context.Request, context.Response);
        var tag = string.Create(CultureInfo.InvariantCulture, $"\"{file.LastWriteTimeUtc.Ticks}-{file.Length}\"");
        response.Headers.ETag = tag;
        response.Headers.LastModified = file.LastWriteTimeUtc.ToString("R", CultureInfo.InvariantCulture);
        response.ContentType = "application/octet-stream";
        var (first, end) = (0L, file.Length);
        var ifRange = request.Headers.IfRange.ToString();
        var applies = file.Length > 0 && (ifRange.Length == 0 || ifRange == tag);
        if (applies && RangeHeaderValue.TryParse(request.Headers.Range.ToString(), out var ranges) && ranges.Ranges.Count == 1)
        {
            var range = ranges.Ranges.First();
            first = range.From ?? Math.Max(0, file.Length - range.To!.Value);
            end = range.From is null ? file.Length : Math.Min(file.Length, (range.To ?? file.Length - 1) + 1);
            response.Headers.AcceptRanges = "bytes";
            if (first >= file.Length)
            {
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{file.Length}");
                return Task.CompletedTask;
            }

            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {first}-{end - 1}/{file.Length}");
        }

        response.ContentLength = end - first;
        return HttpMethods.IsHead(request.Method) ? Task.CompletedTask : CopyAsync(context, file, first, end, count);
    }

    /// <summary>From the first byte, without a length.</summary>
    public static Task SendWholeAsync(HttpContext context, FileInfo file, Action<int> count)
    {
        context.Response.ContentType = "application/octet-stream";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : CopyAsync(context, file, 0, file.Length, count);
    }

    private static async Task CopyAsync(HttpContext context, FileInfo file, long first, long end, Action<int> count)
    {
        using var handle = File.OpenHandle(file.FullName);
        var buffer = new byte[Chunk];
        try
        {
            for (var offset = first; offset < end;)
            {
                var read = RandomAccess.Read(handle, buffer.AsSpan(0, (int)Math.Min(Chunk, end - offset)), offset);
                if (read == 0)
                {
                    context.Abort();
                    return;
                }

                // Counted before it is sent: whoever has received it finds it counted.
                count(read);
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
                offset += read;
            }
        }
        catch (OperationCanceledException)
        {
            // The client has what it wanted and hung up.
        }
    }
}
