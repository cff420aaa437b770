using System.Diagnostics.CodeAnalysis;

namespace ModelFs.Vfs.Freshness;

/// <summary>A dictionary that forgets what was not used for longest once it weighs too much. Thread safe; a hit allocates nothing.</summary>
/// <remarks>The last one used always stays, however heavy. Whoever holds a value goes on using it after it is forgotten.</remarks>
internal sealed class RecentTable<TKey, TValue>(long capacity, Func<TValue, long>? weigh = null)
    where TKey : notnull
{
    private readonly Lock gate = new();
    private readonly Dictionary<TKey, LinkedListNode<Item>> items = [];
    private readonly LinkedList<Item> byUse = new();
    private long weight;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (gate)
        {
            if (items.TryGetValue(key, out var node))
            {
                Use(node);
                value = node.Value.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    public TValue GetOrAdd(TKey key, Func<TKey, TValue> make)
    {
        lock (gate)
        {
            if (items.TryGetValue(key, out var node))
                Use(node);
            else
                node = Add(key, make(key));
            return node.Value.Value;
        }
    }

    public void Set(TKey key, TValue value)
    {
        lock (gate)
        {
            if (items.TryGetValue(key, out var node))
                Remove(node);
            Add(key, value);
        }
    }

    /// <summary>Takes account of a value that has grown or shrunk.</summary>
    public void Weigh(TKey key)
    {
        lock (gate)
        {
            if (!items.TryGetValue(key, out var node))
                return;
            weight -= node.Value.Weight;
            node.Value.Weight = WeightOf(node.Value.Value);
            weight += node.Value.Weight;
            Trim();
        }
    }

    private LinkedListNode<Item> Add(TKey key, TValue value)
    {
        var node = byUse.AddFirst(new Item(key, value) { Weight = WeightOf(value) });
        items.Add(key, node);
        weight += node.Value.Weight;
        Trim();
        return node;
    }

    private void Trim()
    {
        while (weight > capacity && items.Count > 1)
            Remove(byUse.Last!);
    }

    private void Remove(LinkedListNode<Item> node)
    {
        byUse.Remove(node);
        items.Remove(node.Value.Key);
        weight -= node.Value.Weight;
    }

    private void Use(LinkedListNode<Item> node)
    {
        if (byUse.First == node)
            return;
        byUse.Remove(node);
        byUse.AddFirst(node);
    }

    private long WeightOf(TValue value) => weigh?.Invoke(value) ?? 1;

    private sealed class Item(TKey key, TValue value)
    {
        public TKey Key { get; } = key;

        public TValue Value { get; } = value;

        public long Weight { get; set; }
    }
}
