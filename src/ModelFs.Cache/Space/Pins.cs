using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Space;

/// <summary>Objects that are never evicted, under the names that they were pinned by. They survive restarts.</summary>
/// <remarks>A file beside the index. A damaged one costs the pins and no byte; the log says so.</remarks>
internal sealed class Pins
{
    private const ulong Magic = 0x0001_4E49505346_4Dul; // "MFSPIN", version 1

    private readonly Lock gate = new();
    private readonly string path;
    private Dictionary<string, Pin> pins = new(StringComparer.Ordinal);
    private volatile HashSet<ObjectKey> keys = [];

    public Pins(string path, ILogger log)
    {
        this.path = path;
        if (!File.Exists(path))
            return;
        if (Read(path) is not { } found)
        {
            Log.PinsDamaged(log, path);
            return;
        }

        pins = found.ToDictionary(pin => pin.Id, StringComparer.Ordinal);
        keys = KeysOf(pins);
    }

    public IReadOnlyList<Pin> All
    {
        get
        {
            lock (gate)
                return [.. pins.Values.OrderBy(pin => pin.Name, StringComparer.Ordinal)];
        }
    }

    public bool Contains(ObjectKey key) => keys.Contains(key);

    /// <summary>Sets or, with null, removes pins by their <see cref="Pin.Id"/>, all of them or none. False when nothing changed.</summary>
    /// <exception cref="IOException">The disk refuses; all is as before.</exception>
    public bool Change(IReadOnlyDictionary<string, Pin?> changes)
    {
        lock (gate)
        {
            var next = new Dictionary<string, Pin>(pins, StringComparer.Ordinal);
            bool changed = false;
            foreach (var (id, pin) in changes)
            {
                changed |= pin is null ? next.ContainsKey(id) : !next.TryGetValue(id, out var former) || !pin.IsLike(former);
                if (pin is null)
                    next.Remove(id);
                else
                    next[id] = pin;
            }

            if (!changed)
                return false;
            CheckedFile.Write(path, Magic, JsonSerializer.SerializeToUtf8Bytes(next.Values.ToList(), PinsJson.Default.ListPin));
            pins = next;
            keys = KeysOf(next);
            return true;
        }
    }

    private static HashSet<ObjectKey> KeysOf(Dictionary<string, Pin> pins) => [.. pins.Values.SelectMany(pin => pin.Objects())];

    private static List<Pin>? Read(string path)
    {
        try
        {
            return CheckedFile.Read(path, Magic) is { } bytes ? JsonSerializer.Deserialize(bytes, PinsJson.Default.ListPin) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(List<Pin>))]
internal sealed partial class PinsJson : JsonSerializerContext;
