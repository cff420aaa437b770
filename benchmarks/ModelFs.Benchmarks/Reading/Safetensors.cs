using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModelFs.Benchmarks.Reading;

/// <summary>The layout of a safetensors file: eight bytes of length, a JSON header, the tensors.</summary>
internal static class Safetensors
{
    private const int Tensor = 16 << 20;

    /// <summary>Length and header of a file of this size, with tensors of 16 MiB, as a layer's matrices have.</summary>
    public static byte[] Header(long size)
    {
        // The header's own length moves with the numbers in it; padded to whole pages it does not.
        var room = 4096 * (1 + (int)(size / Tensor / 20));
        var json = new JsonObject();
        var data = size - 8 - room;
        for (long begin = 0; begin < data; begin += Tensor)
        {
            var end = Math.Min(data, begin + Tensor);
            json[$"layer.{begin / Tensor}"] = new JsonObject { ["dtype"] = "U8", ["shape"] = new JsonArray(end - begin), ["data_offsets"] = new JsonArray(begin, end) };
        }

        var header = new byte[8 + room];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, room);
        JsonSerializer.SerializeToUtf8Bytes(json).CopyTo(header.AsSpan(8));
        return header;
    }

    /// <summary>Where each tensor begins and ends, counted from the end of the header, in order.</summary>
    public static List<(long Begin, long End)> Tensors(byte[] header)
    {
        using var json = JsonDocument.Parse(header);
        return [.. json.RootElement.EnumerateObject().Where(tensor => tensor.Name != "__metadata__")
            .Select(tensor => tensor.Value.GetProperty("data_offsets"))
            .Select(offsets => (offsets[0].GetInt64(), offsets[1].GetInt64())).Order()];
    }
}
